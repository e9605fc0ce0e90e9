/**
 * Opening, listing and deleting conversations, and keeping the address in step.
 *
 * Rule: the address (`#c=<id>`, `#new`) says what is open, so a reload and the back button work.
 * Without one the newest conversation opens.
 */
import { asApiError } from '../api/client';
import { deleteConversation, getConversations, getMessages } from '../api/routes';
import type { Job } from '../api/types';
import { attempt } from '../stores/attempt';
import { openConversationId, useChatStore, type View } from '../stores/chatStore';
import { useImageJobsStore } from '../stores/imageJobsStore';
import { complain } from './complain';
import { loadOptions } from './options';
import { admitMessages } from './overtaking';

const REFRESH_AFTER_MS = 150;
const timers = new Map<string, ReturnType<typeof setTimeout>>();

export function viewOfAddress(): View {
  if (location.hash === '#new') return { kind: 'new' };
  // empty when somebody typed what is no address
  const id = attempt(() => decodeURIComponent(/^#c=(.+)$/.exec(location.hash)?.[1] ?? ''));
  return id ? { kind: 'conversation', id } : { kind: 'auto' };
}

/** The address of who leaves is not the next one's. */
export function forgetAddress(): void {
  history.replaceState(null, '', location.pathname + location.search);
}

export function openConversation(id: string, isBegun = false): void {
  go({ kind: 'conversation', id }, addressOf(id), isBegun);
}

function addressOf(id: string): string {
  return `#c=${encodeURIComponent(id)}`;
}

export function openNew(): void {
  go({ kind: 'new' }, '#new');
}

/** Follow the back and forward buttons; returns how to stop. */
export function followAddress(): () => void {
  const follow = (): void => {
    useChatStore.getState().show(viewOfAddress());
    void settleView();
  };
  addEventListener('hashchange', follow);
  return () => removeEventListener('hashchange', follow);
}

export async function loadConversations(): Promise<void> {
  const chat = useChatStore.getState();
  if (chat.listLoading === 'idle') chat.setListLoading('loading');
  try {
    const page = await getConversations();
    chat.setConversations(page.conversations, page.next_cursor);
  } catch (error) {
    if (asApiError(error).code === 'abandoned') return;
    if (useChatStore.getState().listLoading !== 'loaded') chat.setListLoading('failed');
  }
  await settleView();
}

export async function loadMoreConversations(): Promise<void> {
  const { nextCursor, addConversations } = useChatStore.getState();
  if (!nextCursor) return;
  try {
    const page = await getConversations(nextCursor);
    // the list may have been started anew meanwhile
    if (useChatStore.getState().nextCursor === nextCursor) addConversations(page.conversations, page.next_cursor);
  } catch (error) {
    complain(error);
  }
}

/** Choose the newest conversation while nobody has chosen, and read what is open but not read. */
async function settleView(): Promise<void> {
  const chat = useChatStore.getState();
  const newest = chat.conversations[0];
  if (chat.view.kind === 'auto' && newest) {
    chat.show({ kind: 'conversation', id: newest.id });
    history.replaceState(null, '', addressOf(newest.id));
  }
  const id = openConversationId(useChatStore.getState());
  const state = id === null ? 'loaded' : useChatStore.getState().loading[id];
  if (id !== null && state !== 'loaded' && state !== 'loading') await loadMessages(id);
}

export async function loadMessages(id: string): Promise<void> {
  const chat = useChatStore.getState();
  const first = chat.loading[id] !== 'loaded';
  if (first) chat.setLoading(id, 'loading');
  try {
    const page = await getMessages(id);
    const messages = admitMessages(page.messages);
    useImageJobsStore.getState().upsertFromServer(messages.flatMap((message) => message.job ?? []));
    chat.addPage(id, { ...page, messages });
    chat.setLoading(id, 'loaded');
  } catch (error) {
    const missing = asApiError(error).code === 'not_found';
    if (missing) chat.forgetConversation(id);
    if (missing || first) chat.setLoading(id, missing ? 'missing' : 'failed');
  }
}

export async function loadOlderMessages(id: string): Promise<void> {
  const chat = useChatStore.getState();
  const before = chat.read[id]?.from;
  if (before === undefined) return;
  try {
    chat.addPage(id, await getMessages(id, before), before);
  } catch (error) {
    complain(error);
  }
}

/** After a reconnect, or back in view: the open conversation, the list and what is offered may have moved on. */
export async function refreshOpen(): Promise<void> {
  const id = openConversationId(useChatStore.getState());
  await Promise.all([loadConversations(), loadOptions(), id === null ? undefined : loadMessages(id)]);
}

/** Returns whether it is gone; another page may have deleted it before. */
export async function removeConversation(id: string): Promise<boolean> {
  try {
    await deleteConversation(id);
  } catch (error) {
    if (asApiError(error).code !== 'not_found') {
      complain(error);
      return false;
    }
  }
  const chat = useChatStore.getState();
  const jobs = Object.values(useImageJobsStore.getState().jobs).filter((live) => live.job.conversation_id === id);
  useImageJobsStore.getState().remove(jobs.map((live) => live.job.job_id));
  chat.forgetConversation(id);
  if (openConversationId(chat) === id) openNew();
  return true;
}

/** Jobs appeared that no message of ours shows: another tab, or another client, submitted them. */
export function noticeNewJobs(jobs: readonly Job[], open: string | null): void {
  const { conversations, view } = useChatStore.getState();
  const known = new Set(conversations.map((conversation) => conversation.id));
  if (view.kind === 'auto' || jobs.some((job) => !known.has(job.conversation_id))) soon('list', loadConversations);
  if (open !== null && jobs.some((job) => job.conversation_id === open)) soon(open, () => loadMessages(open));
}

function soon(key: string, action: () => Promise<void>): void {
  if (timers.has(key)) return;
  const run = (): void => {
    timers.delete(key);
    void action();
  };
  timers.set(key, setTimeout(run, REFRESH_AFTER_MS));
}

function go(view: View, hash: string, isBegun = false): void {
  useChatStore.getState().show(view);
  // a conversation that has begun takes the place of the empty page it began on
  if (location.hash !== hash) history[isBegun ? 'replaceState' : 'pushState'](null, '', hash);
  void settleView();
}
