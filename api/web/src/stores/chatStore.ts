/**
 * Conversations and their messages, as the database tells them.
 *
 * Rule: messages are only ever added or improved, never replaced by an older answer; a picture or
 * an error lives here for good, long after its live job has gone. News may add a message from
 * anywhere; what was read page by page has no gap, and only from there is more read.
 */
import { create } from 'zustand';
import type { Conversation, Job, Message } from '../api/types';
import { type Failure, mergeMessages, type PendingTurn, type Stretch, stretchOf, withJob } from './chatLogic';

/** `auto`: nobody has chosen yet, the newest conversation is opened as soon as there is one. */
export type View = { kind: 'auto' } | { kind: 'new' } | { kind: 'conversation'; id: string };
export type Loading = 'idle' | 'loading' | 'loaded' | 'failed' | 'missing';

interface ChatData {
  view: View;
  conversations: Conversation[];
  listLoading: Loading;
  nextCursor: string | null;
  messages: Readonly<Record<string, readonly Message[]>>;
  loading: Readonly<Record<string, Loading>>;
  hasMore: Readonly<Record<string, boolean>>;
  read: Readonly<Record<string, Stretch>>;
  pending: readonly PendingTurn[];
  /** Keys of turns that were born on this page, by message id. */
  keys: Readonly<Record<number, string>>;
  /** Jobs the server no longer knows. */
  gone: Readonly<Record<string, true>>;
}

export interface MessagePage {
  messages: readonly Message[];
  has_more: boolean;
}

interface Actions {
  show: (view: View) => void;
  /** Take the newest page; what was read beyond it stays. */
  setConversations: (list: Conversation[], nextCursor: string | null) => void;
  addConversations: (list: Conversation[], nextCursor: string | null) => void;
  setListLoading: (state: Loading) => void;
  setLoading: (id: string, state: Loading) => void;
  /** Take the newest page, or the one before the message `before`. */
  addPage: (id: string, page: MessagePage, before?: number) => void;
  takeJobs: (jobs: readonly Job[]) => void;
  addPending: (turn: PendingTurn) => void;
  failPending: (key: string, failure: Failure | null) => void;
  dropPending: (key: string) => void;
  /** The server accepted: the pending turn becomes the job's message. */
  accept: (key: string, job: Job) => void;
  forgetConversation: (id: string) => void;
  markGone: (jobId: string) => void;
  reset: () => void;
}

const EMPTY: ChatData = {
  view: { kind: 'auto' },
  conversations: [],
  listLoading: 'idle',
  nextCursor: null,
  messages: {},
  loading: {},
  hasMore: {},
  read: {},
  pending: [],
  keys: {},
  gone: {},
};

export const useChatStore = create<ChatData & Actions>()((set) => ({
  ...EMPTY,
  show: (view) => set({ view }),
  setConversations: (list, nextCursor) => set((state) => withNewest(state, list, nextCursor)),
  addConversations: (list, nextCursor) =>
    set((state) => ({ conversations: uniqueById([...state.conversations, ...list]), nextCursor })),
  setListLoading: (listLoading) => set({ listLoading }),
  setLoading: (id, loading) => set((state) => ({ loading: { ...state.loading, [id]: loading } })),
  addPage: (id, page, before) => set((state) => withPage(state, id, page, before)),
  takeJobs: (jobs) => set((state) => withJobs(state, jobs)),
  addPending: (turn) => set((state) => ({ pending: [...state.pending, turn] })),
  failPending: (key, failure) =>
    set((state) => ({ pending: state.pending.map((turn) => (turn.key === key ? { ...turn, failure } : turn)) })),
  dropPending: (key) => set((state) => ({ pending: state.pending.filter((turn) => turn.key !== key) })),
  accept: (key, job) =>
    set((state) => ({
      ...withJobs(state, [job]),
      keys: { ...state.keys, [job.message_id]: key },
      pending: state.pending.filter((turn) => turn.key !== key),
    })),
  forgetConversation: (id) => set((state) => withoutConversation(state, id)),
  markGone: (jobId) => set((state) => ({ gone: { ...state.gone, [jobId]: true } })),
  reset: () => set(EMPTY),
}));

export function openConversationId(state: Pick<ChatData, 'view'>): string | null {
  return state.view.kind === 'conversation' ? state.view.id : null;
}

/** Only conversations that were opened are kept; the others are read when they are opened. */
function withJobs(state: ChatData, jobs: readonly Job[]): Pick<ChatData, 'messages'> {
  const open = openConversationId(state);
  const changed: Record<string, readonly Message[]> = {};
  for (const job of jobs) {
    const id = job.conversation_id;
    const known = changed[id] ?? state.messages[id] ?? (id === open ? [] : undefined);
    const after = known && withJob(known, job);
    if (after && after !== known) changed[id] = after;
  }
  return Object.keys(changed).length === 0 ? { messages: state.messages } : { messages: { ...state.messages, ...changed } };
}

function withPage(state: ChatData, id: string, page: MessagePage, before?: number): Partial<ChatData> {
  const known = state.read[id];
  const isOlder = before !== undefined;
  // asked for before the list was started anew, or asked for twice
  if (isOlder && before !== known?.from) return {};
  const brought = stretchOf(page.messages);
  const touches = known !== undefined && brought !== null && brought.from <= known.to;
  const read = touches ? { from: Math.min(known.from, brought.from), to: Math.max(known.to, brought.to) } : brought;
  // a page that does not touch what was read would leave a gap: the list starts anew with it
  const kept = (state.messages[id] ?? []).filter((message) => touches || message.id >= (read?.from ?? 0));
  return {
    messages: { ...state.messages, [id]: mergeMessages(kept, page.messages) },
    hasMore: touches && !isOlder ? state.hasMore : { ...state.hasMore, [id]: page.has_more },
    read: read ? { ...state.read, [id]: read } : state.read,
  };
}

function withoutConversation(state: ChatData, id: string): Partial<ChatData> {
  const { [id]: _messages, ...messages } = state.messages;
  const { [id]: _loading, ...loading } = state.loading;
  const { [id]: _hasMore, ...hasMore } = state.hasMore;
  const { [id]: _read, ...read } = state.read;
  const conversations = state.conversations.filter((conversation) => conversation.id !== id);
  return { messages, loading, hasMore, read, conversations };
}

/** The page speaks for all that is newer than its end. One that does not reach what was read starts the list anew. */
function withNewest(state: ChatData, list: Conversation[], nextCursor: string | null): Partial<ChatData> {
  const end = (nextCursor && list.at(-1)?.updated_at) || '';
  const [newest] = state.conversations;
  const beyond = newest && newest.updated_at >= end ? state.conversations.filter(({ updated_at }) => updated_at <= end) : [];
  const conversations = uniqueById([...list, ...beyond, ...list]);
  const goesOn = conversations.length > list.length;
  return { conversations, nextCursor: goesOn ? state.nextCursor : nextCursor, listLoading: 'loaded' };
}

function uniqueById(list: Conversation[]): Conversation[] {
  return [...new Map(list.map((conversation) => [conversation.id, conversation])).values()];
}
