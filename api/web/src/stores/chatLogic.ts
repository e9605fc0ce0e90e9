/**
 * What a conversation shows, as pure functions: messages merged by id, and turns made of them.
 *
 * A turn is what a person sees as one thing: the prompt and the picture made from it.
 * Rule: a turn keeps its key from the click to the picture, so its card is never built anew.
 */
import type { GenerateRequest, Job, Message } from '../api/types';
import { isTerminal, newerOfMessage } from './mergeJob';

/** The conversation a turn belongs to; null until its first answer has begun it. */
export interface Home {
  conversationId: string | null;
}

/** An error's code, and what the server said about it, if it was the server. */
export interface Failure {
  code: string;
  said: string | null;
}

/** A submission the server has not answered yet, or that never reached it. */
export interface PendingTurn {
  key: string;
  /** Who clicked: it is sent for nobody else. */
  userId: string | null;
  request: GenerateRequest;
  home: Home;
  /** It came out of the composer, and may go back there. */
  typed: boolean;
  /** How often it was sent. From the first on its request stays what it is: the key stands for that body. */
  tries: number;
  /** The newest message known when it was first sent: what it makes is newer. */
  after: number;
  /** Why it could not be sent; null while it is being sent. */
  failure: Failure | null;
}

export interface Turn {
  key: string;
  prompt: string;
  /** The message of the picture, once there is one. */
  bot: Message | null;
  pending: PendingTurn | null;
}

/** The ids between which a conversation was read without a gap. */
export interface Stretch {
  from: number;
  to: number;
}

export function stretchOf(messages: readonly Message[]): Stretch | null {
  const ids = messages.map((message) => message.id);
  return ids.length === 0 ? null : { from: Math.min(...ids), to: Math.max(...ids) };
}

export function mergeMessages(known: readonly Message[], incoming: readonly Message[]): Message[] {
  const byId = new Map(known.map((message) => [message.id, message]));
  for (const message of incoming) byId.set(message.id, mergeMessage(byId.get(message.id), message));
  return [...byId.values()].sort((a, b) => a.id - b.id);
}

/** Put a job into its message; the same list when that says nothing new. */
export function withJob(known: readonly Message[], job: Job): readonly Message[] {
  const message = known.find((candidate) => candidate.id === job.message_id);
  if (!message) return mergeMessages(known, [messageOf(job)]);
  const sameRun = message.job?.job_id === job.job_id;
  if (sameRun && !isTerminal(job.status)) return known;
  const chosen = newerOfMessage(message.job, job);
  return chosen === message.job ? known : mergeMessages(known, [{ ...message, job: chosen }]);
}

export function turnsOf(messages: readonly Message[], pending: readonly PendingTurn[], keys: Readonly<Record<number, string>>): Turn[] {
  const turns: Turn[] = [];
  let asked: Message | null = null;
  for (const message of messages) {
    if (asked && message.role !== 'bot') turns.push(turnOf(asked, null, keys));
    if (message.role === 'bot') turns.push(turnOf(asked, message, keys));
    asked = message.role === 'bot' ? null : message;
  }
  if (asked) turns.push(turnOf(asked, null, keys));
  const sending = pending.map((turn) => ({ key: turn.key, prompt: turn.request.prompt, bot: null, pending: turn }));
  return [...turns, ...sending];
}

function turnOf(asked: Message | null, bot: Message | null, keys: Readonly<Record<number, string>>): Turn {
  const key = bot ? (keys[bot.id] ?? `m${bot.id}`) : `u${asked?.id}`;
  return { key, prompt: asked?.content ?? bot?.job?.prompt ?? '', bot, pending: null };
}

function mergeMessage(known: Message | undefined, next: Message): Message {
  if (!known?.job) return next;
  return { ...next, job: next.job ? newerOfMessage(known.job, next.job) : known.job };
}

/** The message as far as a job tells it; the database's own version replaces it. */
function messageOf(job: Job): Message {
  return {
    id: job.message_id,
    conversation_id: job.conversation_id,
    role: 'bot',
    content: '',
    extra_metadata: {},
    created_at: job.created_at,
    updated_at: job.updated_at,
    job,
  };
}
