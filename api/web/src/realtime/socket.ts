/**
 * One WebSocket that stays: it reconnects, notices silence, and tells its phase.
 *
 * Rules: a single guarded way schedules the next try; a handler of an old socket does nothing
 * (`socket !== this.socket`); a healthy socket is never closed because the page is hidden. We only
 * receive: the one thing ever sent asks for a snapshot.
 */
import { CLOSE_CODES } from '../api/types';
import { backoffMs, longBackoffMs, PROVEN_AFTER_MS } from './backoff';

export type Phase = 'idle' | 'connecting' | 'open' | 'waiting' | 'offline' | 'signed_out';

export interface ConnectionState {
  phase: Phase;
  /** When the next try starts, while waiting. */
  retryAt: number | null;
  /** This page would be one too many of the user's open pages. */
  tooMany: boolean;
}

export interface ConnectionEvents {
  onText: (text: unknown) => void;
  onOpen: () => void;
  onState: (state: ConnectionState) => void;
}

/** A healthy server is heard every 20 s. */
const SILENCE_MS = 45_000;
const SILENT_CLOSE = 4000;
const CONNECT_TIMEOUT_MS = 10_000;

export class Connection {
  lastHeardAt = 0;
  private socket: WebSocket | null = null;
  private failures = 0;
  private openedAt = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private phase: Phase = 'idle';

  constructor(
    private readonly url: string,
    private readonly events: ConnectionEvents,
    private readonly random: () => number = Math.random,
  ) {}

  start(): void {
    if (this.phase !== 'idle' && this.phase !== 'signed_out') return;
    this.failures = 0;
    addEventListener('online', this.wake);
    addEventListener('offline', this.pause);
    addEventListener('pageshow', this.wake);
    addEventListener('pagehide', this.leave);
    document.addEventListener('visibilitychange', this.wake);
    this.connect();
  }

  stop(): void {
    removeEventListener('online', this.wake);
    removeEventListener('offline', this.pause);
    removeEventListener('pageshow', this.wake);
    removeEventListener('pagehide', this.leave);
    document.removeEventListener('visibilitychange', this.wake);
    this.drop();
    this.tell('idle');
  }

  /** Try at once, as after a click on "try now". */
  retryNow = (): void => {
    if (this.phase !== 'waiting' && this.phase !== 'offline') return;
    this.failures = 0;
    this.connect();
  };

  send(frame: object): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** The page came back: to view, to the network, out of the browser's cache. */
  private readonly wake = (): void => {
    if (document.visibilityState === 'hidden') return;
    if (this.phase === 'open' && Date.now() - this.lastHeardAt > SILENCE_MS) this.lost(SILENT_CLOSE);
    else this.retryNow();
  };

  private readonly pause = (): void => {
    if (this.phase !== 'waiting') return;
    clearTimeout(this.retryTimer);
    this.tell('offline');
  };

  /** An open socket keeps a page out of the browser's back/forward cache. */
  private readonly leave = (): void => {
    if (this.phase === 'signed_out' || this.phase === 'idle') return;
    this.drop();
    this.tell('waiting');
  };

  private connect(): void {
    this.drop();
    this.tell('connecting');
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.watch(CONNECT_TIMEOUT_MS);
    socket.addEventListener('open', () => socket === this.socket && this.opened());
    socket.addEventListener('message', (event) => socket === this.socket && this.heard(event.data));
    socket.addEventListener('close', (event) => socket === this.socket && this.lost(event.code));
  }

  private opened(): void {
    this.openedAt = Date.now();
    this.heardNow();
    this.tell('open');
    this.events.onOpen();
  }

  private heard(data: unknown): void {
    this.heardNow();
    this.events.onText(data);
  }

  private heardNow(): void {
    this.lastHeardAt = Date.now();
    this.watch(SILENCE_MS);
  }

  private watch(ms: number): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.lost(SILENT_CLOSE), ms);
  }

  private lost(code: number): void {
    const lived = this.openedAt > 0 ? Date.now() - this.openedAt : 0;
    this.drop();
    if (code === CLOSE_CODES.unauthenticated || code === CLOSE_CODES.authTimeout) return this.tell('signed_out');
    if (lived >= PROVEN_AFTER_MS) this.failures = 0;
    if (!navigator.onLine) return this.tell('offline');
    const tooMany = code === CLOSE_CODES.tooManySockets;
    const delay = tooMany ? longBackoffMs(this.random) : backoffMs(this.failures, this.random);
    this.failures += 1;
    this.retryTimer = setTimeout(() => this.connect(), delay);
    this.tell('waiting', Date.now() + delay, tooMany);
  }

  private drop(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.watchdog);
    const socket = this.socket;
    this.socket = null;
    this.openedAt = 0;
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close(1000);
  }

  private tell(phase: Phase, retryAt: number | null = null, tooMany = false): void {
    this.phase = phase;
    this.events.onState({ phase, retryAt, tooMany });
  }
}
