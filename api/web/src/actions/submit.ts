/**
 * From a click to an accepted job.
 *
 * Rules: one click is one idempotency key, however often it has to be sent; a refusal brings the
 * text back into the composer and makes no failed message; only a submission that may or may not
 * have arrived stays on screen, to be sent again under its key, also after a reload. Nothing is
 * sent for who has left.
 */
import { type ApiError, asApiError } from '../api/client';
import { generate } from '../api/routes';
import type { GenerateRequest, Job } from '../api/types';
import { currentWords } from '../i18n';
import type { Home, PendingTurn } from '../stores/chatLogic';
import { openConversationId, useChatStore } from '../stores/chatStore';
import { focusPrompt, type Settings, settingsIn, useComposerStore } from '../stores/composerStore';
import { useSessionStore } from '../stores/sessionStore';
import { readUnsent, writeUnsent } from '../stores/unsent';
import { complain } from './complain';
import { noticeNewJobs, openConversation, refreshOpen } from './conversations';
import { takeJobs, takeOvertaking } from './intake';
import { overtakenBy, UNCERTAIN } from './overtaking';

/** Refusals that may come before the server has looked at the key: what arrived earlier may be drawn. */
const BLIND = new Set([401, 429, 503]);
const DEFAULT_WAIT_S = 5;
const PAUSES_MS = [300, 1500];

/** Ends when everything sent so far is answered: one after the other, in the order of the clicks. */
let answered: Promise<void> = Promise.resolve();
/** The conversation that the first answer will begin, shared by all that is asked before it. */
let unborn: Home = { conversationId: null };

/** Send what the composer holds, unless it is not allowed right now. */
export async function submitDraft(): Promise<void> {
  const { draft, settings, notice } = useComposerStore.getState();
  const prompt = draft.trim();
  if (!prompt || (notice?.until ?? 0) > Date.now()) return;
  useComposerStore.getState().setDraft('');
  await submit(prompt, settings, true);
}

/** The same picture again, with another seed. */
export async function regenerate(job: Job): Promise<void> {
  const { pending } = useChatStore.getState();
  if (pending.some((turn) => turn.failure === null && turn.request.prompt === job.prompt)) return;
  await submit(job.prompt, { ...settingsIn(job.params), seed: -1 }, false);
}

export async function resend(turn: PendingTurn): Promise<void> {
  useChatStore.getState().failPending(turn.key, null);
  await sendInOrder(turn);
}

/** Bring a job's prompt and settings back into the composer; what the job does not name is as it was for the job. */
export function reuse(job: Job): void {
  const composer = useComposerStore.getState();
  composer.setDraft(job.prompt);
  composer.resetSettings();
  composer.setSettings(settingsIn(job.params));
  focusPrompt();
}

/** After a reload: what had no answer is asked for again, what was refused is shown as such. */
export function restoreUnsent(userId: string): void {
  const { show, addPending } = useChatStore.getState();
  for (const kept of readUnsent(userId)) {
    const { failure } = kept;
    const isOpen = !failure || failure.code === 'unauthenticated' || UNCERTAIN.has(failure.code);
    const home = kept.home.conversationId === null ? unborn : kept.home;
    const turn = { ...kept, home, failure: isOpen ? null : failure };
    if (home === unborn && useChatStore.getState().view.kind === 'auto') show({ kind: 'new' });
    addPending(turn);
    if (isOpen) void sendInOrder(turn);
  }
}

/** After signing in again: what waited for that. */
export function sendOn(): void {
  for (const turn of useChatStore.getState().pending) if (turn.failure?.code === 'unauthenticated') void resend(turn);
}

/** Somebody left: the next person waits for none of their answers. */
export function forgetSubmissions(): void {
  answered = Promise.resolve();
  unborn = { conversationId: null };
}

async function submit(prompt: string, settings: Settings, typed: boolean): Promise<void> {
  // who asks before the list is there has chosen: no older conversation opens over it
  if (useChatStore.getState().view.kind === 'auto') useChatStore.getState().show({ kind: 'new' });
  const request: GenerateRequest = { prompt, ...settings, locale: currentWords().lang };
  const turn: PendingTurn = { key: newKey(), userId: whoIsHere(), request, home: homeOfView(), typed, tries: 0, after: 0, failure: null };
  useChatStore.getState().addPending(turn);
  await sendInOrder(turn);
}

function sendInOrder(turn: PendingTurn): Promise<void> {
  answered = answered.then(() => send(turn));
  return answered;
}

function homeOfView(): Home {
  const open = openConversationId(useChatStore.getState());
  if (open !== null) return { conversationId: open };
  if (unborn.conversationId !== null) unborn = { conversationId: null };
  return unborn;
}

function whoIsHere(): string | null {
  return useSessionStore.getState().me?.user_id ?? null;
}

/** Whether who clicked is still here, and has not been away meanwhile. */
function isWanted(turn: PendingTurn): boolean {
  return turn.userId === whoIsHere() && useChatStore.getState().pending.some(({ key }) => key === turn.key);
}

async function send(turn: PendingTurn): Promise<void> {
  if (!isWanted(turn)) return;
  useComposerStore.getState().setNotice(null);
  // decided once: under one key the body must stay what it was
  if (turn.tries === 0) {
    turn.request.conversation_id = turn.home.conversationId ?? undefined;
    turn.after = newestMessage();
  }
  try {
    const job = await insist(turn);
    if (isWanted(turn)) accepted(turn, job);
  } catch (error) {
    if (isWanted(turn)) refused(turn, asApiError(error));
  } finally {
    takeOvertaking();
  }
}

function newestMessage(): number {
  const known = Object.values(useChatStore.getState().messages).flat();
  return Math.max(0, ...known.map(({ id }) => id));
}

/** An answer that got lost is asked for again: under the same key it is the same job. */
async function insist(turn: PendingTurn, [pauseMs, ...rest]: readonly number[] = PAUSES_MS): Promise<Job> {
  turn.tries += 1;
  writeUnsent();
  try {
    return await generate(turn.request, turn.key);
  } catch (error) {
    const lost = asApiError(error).code === 'network' && navigator.onLine;
    if (!lost || pauseMs === undefined) throw error;
    await pause(pauseMs);
    if (!isWanted(turn)) throw error;
    return insist(turn, rest);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function accepted(turn: PendingTurn, job: Job): void {
  const chat = useChatStore.getState();
  const { conversationId: home } = turn.home;
  const leadsElsewhere = openConversationId(chat) === home && job.conversation_id !== home;
  turn.home.conversationId ??= job.conversation_id;
  chat.accept(turn.key, job);
  if (leadsElsewhere) openConversation(job.conversation_id, home === null);
  takeJobs([job]);
  noticeNewJobs([job], openConversationId(useChatStore.getState()));
}

function refused(turn: PendingTurn, error: ApiError): void {
  const chat = useChatStore.getState();
  const composer = useComposerStore.getState();
  const mayHaveArrived = UNCERTAIN.has(error.code) || (turn.tries > 1 && BLIND.has(error.status));
  const arrived = mayHaveArrived ? overtakenBy(turn) : undefined;
  if (arrived) return accepted(turn, arrived);
  // only an empty composer can take the text back, and only what came out of it
  if (mayHaveArrived || composer.draft || !turn.typed) chat.failPending(turn.key, { code: error.code, said: error.said });
  else {
    chat.dropPending(turn.key);
    composer.setDraft(turn.request.prompt);
  }
  if (UNCERTAIN.has(error.code)) return;
  // the conversation may have been deleted meanwhile: then it is told to be gone
  if (error.code === 'not_found') void refreshOpen();
  complain(error, waitUntil(error));
}

function waitUntil({ status, extra }: ApiError): number | null {
  if (status !== 429 && status !== 503) return null;
  return Date.now() + (extra.retryAfterS ?? DEFAULT_WAIT_S) * 1000;
}

/** Not `randomUUID`: browsers keep that for https and localhost, and a trusted network has neither. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
