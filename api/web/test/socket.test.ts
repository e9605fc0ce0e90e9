import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BASE_MS, backoffMs, CAP_MS, FLOOR_MS, longBackoffMs } from '../src/realtime/backoff';
import { Connection, type ConnectionState } from '../src/realtime/socket';

/** A socket a test opens, feeds and closes by hand. */
class FakeSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static made: FakeSocket[] = [];
  readyState = 0;
  sent: string[] = [];
  closedWith: number | undefined;

  constructor(readonly url: string) {
    super();
    FakeSocket.made.push(this);
  }

  open(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }

  say(data: string): void {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }

  fall(code: number): void {
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent('close', { code }));
  }

  send(data: string): void {
    this.sent.push(data);
  }

  close(code?: number): void {
    this.readyState = 3;
    this.closedWith = code;
  }
}

describe('backoffMs', () => {
  it('doubles its ceiling up to the cap and never goes under the floor', () => {
    expect([0, 1, 2, 3].map((n) => backoffMs(n, () => 1))).toEqual([BASE_MS, 1000, 2000, 4000]);
    expect(backoffMs(50, () => 1)).toBe(CAP_MS);
    expect(backoffMs(5, () => 0)).toBe(FLOOR_MS);
    expect(backoffMs(2, () => 0.5)).toBe(1000);
  });

  it('waits long when this page is one too many', () => {
    expect(longBackoffMs(() => 0)).toBe(30_000);
    expect(longBackoffMs(() => 1)).toBe(60_000);
  });
});

describe('Connection', () => {
  let states: ConnectionState[] = [];
  let texts: unknown[] = [];
  let opened = 0;
  let connection: Connection;
  const last = (): FakeSocket => FakeSocket.made.at(-1) as FakeSocket;
  const phase = (): string | undefined => states.at(-1)?.phase;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('WebSocket', FakeSocket);
    FakeSocket.made = [];
    states = [];
    texts = [];
    opened = 0;
    const events = { onText: (text: unknown) => texts.push(text), onOpen: () => (opened += 1), onState: (state: ConnectionState) => states.push(state) };
    connection = new Connection('ws://x/ws', events, () => 1);
    connection.start();
  });

  afterEach(() => {
    connection.stop();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it('opens one socket and hands on what it hears', () => {
    last().open();
    last().say('hello');
    expect(FakeSocket.made).toHaveLength(1);
    expect([phase(), opened, texts]).toEqual(['open', 1, ['hello']]);
  });

  it('starts only once', () => {
    connection.start();
    expect(FakeSocket.made).toHaveLength(1);
  });

  it('comes back after a restart of the server, later each time', () => {
    for (const delay of [500, 1000, 2000]) {
      last().fall(1012);
      expect(phase()).toBe('waiting');
      const before = FakeSocket.made.length;
      vi.advanceTimersByTime(delay - 1);
      expect(FakeSocket.made).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(FakeSocket.made).toHaveLength(before + 1);
    }
  });

  it('trusts a server again only after a connection that lived', () => {
    last().fall(1006);
    vi.advanceTimersByTime(500);
    last().open();
    vi.advanceTimersByTime(1000);
    last().fall(1012);
    expect(states.at(-1)?.retryAt).toBe(Date.now() + 1000);
    vi.advanceTimersByTime(1000);
    last().open();
    vi.advanceTimersByTime(5000);
    last().fall(1012);
    expect(states.at(-1)?.retryAt).toBe(Date.now() + 500);
  });

  it('ignores a socket that was replaced', () => {
    const old = last();
    old.fall(1006);
    vi.advanceTimersByTime(500);
    last().open();
    old.fall(1006);
    old.say('ghost');
    expect([phase(), texts]).toEqual(['open', []]);
  });

  it.each([4401, 4408])('stops at %i: the session has ended', (code) => {
    last().open();
    last().fall(code);
    vi.advanceTimersByTime(120_000);
    expect([phase(), FakeSocket.made.length]).toEqual(['signed_out', 1]);
    connection.start();
    expect(FakeSocket.made).toHaveLength(2);
  });

  it('waits long when there are too many sockets', () => {
    last().open();
    last().fall(4429);
    expect(states.at(-1)).toMatchObject({ phase: 'waiting', tooMany: true });
    vi.advanceTimersByTime(29_999);
    expect(FakeSocket.made).toHaveLength(1);
    vi.advanceTimersByTime(30_001);
    expect(FakeSocket.made).toHaveLength(2);
  });

  it('notices 45 seconds of silence', () => {
    last().open();
    vi.advanceTimersByTime(40_000);
    last().say('{"type":"ping"}');
    vi.advanceTimersByTime(44_999);
    expect(phase()).toBe('open');
    vi.advanceTimersByTime(1);
    expect(phase()).toBe('waiting');
  });

  it('gives up a handshake that is not answered', () => {
    vi.advanceTimersByTime(10_000);
    expect([phase(), last().closedWith]).toEqual(['waiting', 1000]);
  });

  it('tries at once when asked, and when the network comes back', () => {
    last().fall(1006);
    connection.retryNow();
    expect(FakeSocket.made).toHaveLength(2);
    last().fall(1006);
    dispatchEvent(new Event('online'));
    expect(FakeSocket.made).toHaveLength(3);
    dispatchEvent(new Event('online'));
    expect(FakeSocket.made).toHaveLength(3);
  });

  it('does not try while the browser is offline', () => {
    last().open();
    vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
    last().fall(1006);
    vi.advanceTimersByTime(120_000);
    expect([phase(), FakeSocket.made.length]).toEqual(['offline', 1]);
  });

  it('leaves no socket behind when the page is left, and returns with it', () => {
    last().open();
    dispatchEvent(new Event('pagehide'));
    expect(last().closedWith).toBe(1000);
    dispatchEvent(new Event('pageshow'));
    expect(FakeSocket.made).toHaveLength(2);
  });

  it('sends only over an open socket', () => {
    expect(connection.send({ type: 'snapshot' })).toBe(false);
    last().open();
    expect(connection.send({ type: 'snapshot' })).toBe(true);
    expect(last().sent).toEqual(['{"type":"snapshot"}']);
  });
});
