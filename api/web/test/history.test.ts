import { beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConversations, loadMessages, loadMoreConversations, loadOlderMessages } from '../src/actions/conversations';
import { takeFrames } from '../src/actions/intake';
import type { Job } from '../src/api/types';
import { useChatStore } from '../src/stores/chatStore';
import { useImageJobsStore } from '../src/stores/imageJobsStore';
import { useSessionStore } from '../src/stores/sessionStore';
import { complete, job, message } from './jobs';

const me = { user_id: 'u', username: null, roles: [], auth_mode: 'local' as const };
const ids = (): number[] => (useChatStore.getState().messages['c'] ?? []).map(({ id }) => id);
const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);
let newest: number;

/** A conversation of `newest` messages, told in pages of fifty. */
function page(path: string): Response {
  const before = /before=(\d+)/.exec(path)?.[1];
  const to = before ? Number(before) - 1 : newest;
  const from = Math.max(1, to - 49);
  const messages = upTo(from, to).map((id) => message({ id, role: 'user', content: `m${id}` }));
  return new Response(JSON.stringify({ messages, has_more: from > 1 }));
}

beforeEach(async () => {
  newest = 300;
  vi.stubGlobal('fetch', async (path: string) => page(path));
  useImageJobsStore.getState().reset();
  useChatStore.getState().reset();
  useSessionStore.setState({ state: 'signed_in', me: { ...me, roles: [] } });
  useChatStore.getState().show({ kind: 'conversation', id: 'c' });
  await loadMessages('c');
});

describe('earlier messages', () => {
  it('are read from where the pages ended, whatever older message has news', async () => {
    takeFrames([{ type: 'image_progress', job: job({ message_id: 6, job_id: 'r', retry_of: 'q' }) }], 0);
    await loadOlderMessages('c');
    expect(ids()).toEqual([6, ...upTo(201, 300)]);
    await upTo(1, 4).reduce((done) => done.then(() => loadOlderMessages('c')), Promise.resolve());
    expect(ids()).toEqual(upTo(1, 300));
    expect(useChatStore.getState().hasMore['c']).toBe(false);
  });

  it('are read once when they are asked for twice', async () => {
    await Promise.all([loadOlderMessages('c'), loadOlderMessages('c')]);
    expect(useChatStore.getState().read['c']).toEqual({ from: 201, to: 300 });
    expect(useChatStore.getState().hasMore['c']).toBe(true);
  });
});

describe('reading the newest messages again', () => {
  it('goes on where they touch what is known', async () => {
    await loadOlderMessages('c');
    newest = 310;
    await loadMessages('c');
    expect(ids()).toEqual(upTo(201, 310));
  });

  it('starts anew where they do not, so that the gap can be filled', async () => {
    newest = 400;
    takeFrames([{ type: 'image_progress', job: job({ message_id: 400, job_id: 'n' }) }], 0);
    await loadMessages('c');
    expect(ids()).toEqual(upTo(351, 400));
    await loadOlderMessages('c');
    expect(ids()).toEqual(upTo(301, 400));
  });

  it('forgets what was on its way for the list before', async () => {
    const older = loadOlderMessages('c');
    newest = 400;
    await Promise.all([loadMessages('c'), older]);
    await loadOlderMessages('c');
    expect(new Set(ids()).size).toBe(ids().length);
    const { from, to } = useChatStore.getState().read['c'] ?? { from: 0, to: 0 };
    expect(ids()).toEqual(upTo(from, to));
  });
});

describe('reading messages while a prompt is being sent', () => {
  it('leaves out its own message and the question to it, until it is answered', async () => {
    const request = { prompt: 'a boat' };
    const sent = { key: 'k', userId: 'u', request, home: { conversationId: 'c' }, typed: true, tries: 1, after: 302, failure: null };
    useChatStore.getState().addPending(sent);
    const turn = (id: number, made: Job) => [message({ id, role: 'user', content: made.prompt }), message({ id: id + 1, job: { ...made, message_id: id + 1 } })];
    const before = turn(301, complete({ job_id: 'old', prompt: 'a boat' }));
    const own = turn(303, job({ job_id: 'new', prompt: 'a boat' }));
      vi.stubGlobal('fetch', async () => new Response(JSON.stringify({ messages: [message({ id: 300, role: 'user' }), ...before, ...own], has_more: true })));
    await loadMessages('c');
    expect(ids().slice(-2)).toEqual([301, 302]);
    useChatStore.getState().dropPending('k');
    await loadMessages('c');
    expect(ids().slice(-2)).toEqual([303, 304]);
  });
});

describe('reading the list of conversations again', () => {
  let dates: Map<string, number>;
  const moment = (at: number): string => new Date(at * 1000).toISOString();
  const shown = (): string[] => useChatStore.getState().conversations.map(({ id }) => id);
  const all = (): string[] => [...dates.entries()].sort((a, b) => b[1] - a[1]).map(([id]) => id);

  /** The newest first, in pages of fifty; the cursor is the moment of the last. */
  function list(path: string): Response {
    const before = Number(/cursor=(\d+)/.exec(path)?.[1] ?? Number.POSITIVE_INFINITY);
    const rest = all().filter((id) => (dates.get(id) ?? 0) < before);
    const conversations = rest.slice(0, 50).map((id) => ({ id, title: id, created_at: '', updated_at: moment(dates.get(id) ?? 0) }));
    const last = dates.get(conversations.at(-1)?.id ?? '');
    return new Response(JSON.stringify({ conversations, next_cursor: rest.length > 50 ? String(last) : null }));
  }

  beforeEach(async () => {
    dates = new Map(upTo(1, 120).map((at) => [`c${at}`, at]));
    vi.stubGlobal('fetch', async (path: string) => (path.startsWith('/conversations?') ? list(path) : page(path)));
    await loadConversations();
    await loadMoreConversations();
  });

  it('keeps what was read beyond the first page, and goes on after it', async () => {
    dates.set('new', 200).set('c30', 201);
    await loadConversations();
    expect(shown()).toEqual(all().slice(0, 102).filter((id) => id === 'c30' || shown().includes(id)));
    await loadMoreConversations();
    expect(shown()).toEqual(all());
    expect(useChatStore.getState().nextCursor).toBeNull();
  });

  it('drops what was deleted within the page, and keeps the rest', async () => {
    dates.delete('c110');
    await loadConversations();
    expect(shown()).toEqual(all().slice(0, 99));
  });

  it('shows a conversation that came up once, with its new moment', async () => {
    dates.set('c50', 300);
    await loadConversations();
    expect(shown()).toEqual(all().slice(0, 100));
    expect(useChatStore.getState().conversations[0]?.updated_at).toBe(moment(300));
  });

  it('starts anew where so many came that it does not reach what was read', async () => {
    for (const at of upTo(1, 60)) dates.set(`n${at}`, 200 + at);
    await loadConversations();
    expect(shown()).toEqual(all().slice(0, 50));
    await loadMoreConversations();
    expect(shown()).toEqual(all().slice(0, 100));
  });

  it('leaves no gap when it starts anew while the next page is on its way', async () => {
    let answer = (): void => undefined;
    const late = new Promise<void>((resolve) => (answer = resolve));
    vi.stubGlobal('fetch', async (path: string) => (path.includes('cursor') ? late.then(() => list(path)) : list(path)));
    const more = loadMoreConversations();
    for (const at of upTo(1, 60)) dates.set(`n${at}`, 200 + at);
    await loadConversations();
    answer();
    await more;
    expect(shown()).toEqual(all().slice(0, shown().length));
  });

  it('takes all of a list that ends with its first page', async () => {
    for (const at of upTo(1, 100)) dates.delete(`c${at}`);
    await loadConversations();
    expect(shown()).toEqual(all());
    expect(useChatStore.getState().nextCursor).toBeNull();
  });
});
