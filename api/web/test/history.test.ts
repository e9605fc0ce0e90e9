import { beforeEach, describe, expect, it, vi } from 'vitest';
import { loadMessages, loadOlderMessages } from '../src/actions/conversations';
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
    useChatStore.getState().addPending({ key: 'k', userId: 'u', request, home: { conversationId: 'c' }, typed: true, tries: 1, failure: null });
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
