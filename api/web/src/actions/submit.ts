/**
 * From a click to an accepted job.
 *
 * Rules: one click is one idempotency key, however often it has to be sent; a refusal brings the
 * text back into the composer and makes no failed message; only a submission that may or may not
 * have arrived stays on screen, to be sent again under its key.
 */
import { ApiError } from '../api/client';
import { generate } from '../api/routes';
import type { GenerateRequest, GenerationParams, Job } from '../api/types';
import { currentWords } from '../i18n';
import type { PendingTurn } from '../stores/chatLogic';
import { openConversationId, useChatStore } from '../stores/chatStore';
import { type Settings, useComposerStore } from '../stores/composerStore';
import { noticeNewJobs, openConversation } from './conversations';
import { overtakenBy, takeJobs, takeOvertaking } from './intake';

const UNCERTAIN = new Set(['network', 'timeout', 'internal']);
const DEFAULT_WAIT_S = 5;
const PAUSES_MS = [300, 1500];

/** Send what the composer holds; does nothing while a submission is on its way or not allowed. */
export async function submitDraft(): Promise<void> {
  const { draft, settings, sending, notice } = useComposerStore.getState();
  const prompt = draft.trim();
  if (!prompt || sending || (notice?.until ?? 0) > Date.now()) return;
  await submit(prompt, settings);
}

/** The same picture again, with another seed. */
export async function regenerate(job: Job): Promise<void> {
  if (useComposerStore.getState().sending) return;
  await submit(job.prompt, { ...requestable(job.params), seed: -1 });
}

export async function resend(turn: PendingTurn): Promise<void> {
  useChatStore.getState().failPending(turn.key, null);
  await send(turn, '');
}

/** Bring a job's prompt and settings back into the composer. */
export function reuse(job: Job, withSeed: boolean): void {
  const { seed, ...rest } = requestable(job.params);
  const composer = useComposerStore.getState();
  composer.setDraft(job.prompt);
  composer.setSettings({ ...rest, seed: withSeed ? seed : undefined });
  document.querySelector<HTMLTextAreaElement>('#prompt')?.focus();
}

async function submit(prompt: string, settings: Settings): Promise<void> {
  const conversationId = openConversationId(useChatStore.getState());
  const { lang } = currentWords();
  const request: GenerateRequest = { prompt, ...settings, locale: lang, ...(conversationId ? { conversation_id: conversationId } : {}) };
  const turn: PendingTurn = { key: crypto.randomUUID(), request, conversationId, failure: null };
  const draft = useComposerStore.getState().draft;
  const fromDraft = draft.trim() === prompt;
  useChatStore.getState().addPending(turn);
  if (fromDraft) useComposerStore.getState().setDraft('');
  await send(turn, fromDraft ? draft : '');
}

async function send(turn: PendingTurn, draft: string): Promise<void> {
  const composer = useComposerStore.getState();
  composer.setSending(true);
  composer.setNotice(null);
  try {
    accepted(turn, await insist(turn));
  } catch (error) {
    refused(turn, error instanceof ApiError ? error : new ApiError('internal', 0), draft);
  } finally {
    composer.setSending(false);
    takeOvertaking();
  }
}

/** An answer that got lost is asked for again: under the same key it is the same job. */
async function insist(turn: PendingTurn, [pauseMs, ...rest]: readonly number[] = PAUSES_MS): Promise<Job> {
  try {
    return await generate(turn.request, turn.key);
  } catch (error) {
    const lost = error instanceof ApiError && error.code === 'network' && navigator.onLine;
    if (!lost || pauseMs === undefined) throw error;
    await pause(pauseMs);
    return insist(turn, rest);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function accepted(turn: PendingTurn, job: Job): void {
  const view = useChatStore.getState().view;
  const stillThere = turn.conversationId === null ? view.kind !== 'conversation' : false;
  useChatStore.getState().accept(turn.key, job);
  if (stillThere) openConversation(job.conversation_id);
  takeJobs([job]);
  noticeNewJobs([job], openConversationId(useChatStore.getState()));
}

function refused(turn: PendingTurn, error: ApiError, draft: string): void {
  const chat = useChatStore.getState();
  if (UNCERTAIN.has(error.code)) {
    const arrived = overtakenBy(turn.request.prompt);
    return arrived ? accepted(turn, arrived) : chat.failPending(turn.key, error.code);
  }
  chat.dropPending(turn.key);
  const composer = useComposerStore.getState();
  if (draft && !composer.draft) composer.setDraft(draft);
  composer.setNotice({
    code: error.code,
    detail: error.detail,
    faults: error.faults,
    since: Date.now(),
    until: waitUntil(error),
  });
}

function waitUntil({ status, extra }: ApiError): number | null {
  if (status !== 429 && status !== 503) return null;
  return Date.now() + (extra.retryAfterS ?? DEFAULT_WAIT_S) * 1000;
}

const REQUESTABLE = [
  'negative_prompt',
  'width',
  'height',
  'steps',
  'cfg_scale',
  'distilled_cfg_scale',
  'sampler_name',
  'scheduler',
  'seed',
  'model',
] as const satisfies (keyof GenerationParams)[];

/** A finished job names what was really used; a request takes the same names, and no others. */
function requestable(params: Job['params']): Settings {
  const named = REQUESTABLE.filter((name) => params[name] !== undefined && params[name] !== null && params[name] !== '');
  return Object.fromEntries(named.map((name) => [name, params[name]])) as Settings;
}
