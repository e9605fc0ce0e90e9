/**
 * The live jobs as a value, and what each report turns them into; no clock, no network, no React.
 *
 * Rule: every way a job reaches the page (socket, snapshot, poll, answer to a click) goes through
 * `takeJob`, and `mergeJob` alone decides. A job that has left the map stays left: late progress
 * of a finished job is dropped.
 */
import type { Job, QueueFrame, QueueState } from '../api/types';
import { isStep, isTerminal, mergeJob } from './mergeJob';

export interface LiveJob {
  job: Job;
  /** When the last report about it was taken. */
  receivedAt: number;
  /** When it last moved by itself (a step, a status), which is what "stuck" is measured from. */
  changedAt: number;
  endedAt: number | null;
  /** When the picture is expected, or null while nobody can say. */
  readyAt: number | null;
  /** Restored from this browser, not confirmed by the server yet. */
  stale: boolean;
  /** No step for five minutes, and the server says so too. */
  stalled: boolean;
  /** Cancel was clicked; the server has not ended the job yet. */
  cancelling: boolean;
}

export interface LiveJobs {
  jobs: Readonly<Record<string, LiveJob>>;
  messageToJob: Readonly<Record<number, string>>;
  /** Ids of jobs seen ending, the latest last. */
  finished: readonly string[];
  queue: QueueState | null;
  queueServerTime: string;
  queueReceivedAt: number;
}

export const FINISHED_KEPT = 200;

export const NO_JOBS: LiveJobs = {
  jobs: {},
  messageToJob: {},
  finished: [],
  queue: null,
  queueServerTime: '',
  queueReceivedAt: 0,
};

export function takeJobs(state: LiveJobs, jobs: readonly Job[], now: number): LiveJobs {
  const draft = { jobs: { ...state.jobs }, messageToJob: { ...state.messageToJob }, finished: [...state.finished] };
  let changed = false;
  for (const job of jobs) changed = takeJob(draft, job, now) || changed;
  return changed ? { ...state, ...draft } : state;
}

export function takeQueue(state: LiveJobs, queue: QueueState, now: number): LiveJobs {
  return { ...state, queue: onlyQueue(queue), queueReceivedAt: now };
}

export function takeQueueFrame(state: LiveJobs, frame: QueueFrame, now: number): LiveJobs {
  if (frame.server_time < state.queueServerTime) return state;
  const moved = frame.jobs.flatMap((place) => {
    const job = state.jobs[place.job_id]?.job;
    if (job?.status !== 'queued') return [];
    const { queue_position, eta_seconds } = place;
    return [{ ...job, queue_position, eta_seconds, queue_total: frame.waiting, server_time: frame.server_time }];
  });
  const placed = takeJobs(state, moved, now);
  return { ...takeQueue(placed, frame, now), queueServerTime: frame.server_time };
}

/** Ids of unfinished jobs that a full list asked for at `requestedAt` should have named, and did not. */
export function missingFrom(state: LiveJobs, list: readonly Job[], requestedAt: number): string[] {
  const named = new Set(list.map((job) => job.job_id));
  return Object.values(state.jobs)
    .filter((live) => !isTerminal(live.job.status) && !named.has(live.job.job_id) && live.receivedAt < requestedAt)
    .map((live) => live.job.job_id);
}

export function withoutJobs(state: LiveJobs, ids: readonly string[]): LiveJobs {
  const gone = new Set(ids);
  const jobs = Object.fromEntries(Object.entries(state.jobs).filter(([id]) => !gone.has(id)));
  return { ...state, jobs, finished: [...state.finished, ...ids].slice(-FINISHED_KEPT) };
}

/** Change flags of one live job; the same state when there is no such job. */
export function withFlags(state: LiveJobs, id: string, flags: Partial<LiveJob>): LiveJobs {
  const live = state.jobs[id];
  return live ? { ...state, jobs: { ...state.jobs, [id]: { ...live, ...flags } } } : state;
}

interface Draft {
  jobs: Record<string, LiveJob>;
  messageToJob: Record<number, string>;
  finished: string[];
}

function takeJob(draft: Draft, job: Job, now: number): boolean {
  const prev = draft.jobs[job.job_id];
  if (!prev && draft.finished.includes(job.job_id)) return false;
  if (!prev && isTerminal(job.status)) return remember(draft, job.job_id);
  const merged = mergeJob(prev?.job, job);
  if (prev && merged === prev.job) return confirm(draft, prev);
  draft.jobs[job.job_id] = livened(prev, merged, now);
  draft.messageToJob[job.message_id] = job.job_id;
  if (isTerminal(merged.status)) remember(draft, job.job_id);
  return true;
}

function confirm(draft: Draft, prev: LiveJob): boolean {
  if (!prev.stale) return false;
  draft.jobs[prev.job.job_id] = { ...prev, stale: false };
  return true;
}

function remember(draft: Draft, id: string): boolean {
  draft.finished = [...draft.finished.filter((other) => other !== id), id].slice(-FINISHED_KEPT);
  return true;
}

function livened(prev: LiveJob | undefined, job: Job, now: number): LiveJob {
  const stepped = isStep(prev?.job, job);
  const ended = isTerminal(job.status);
  return {
    job,
    receivedAt: now,
    changedAt: prev && !stepped ? prev.changedAt : now,
    endedAt: ended ? (prev?.endedAt ?? now) : null,
    readyAt: ended ? null : expectation(prev, job, now),
    stale: false,
    stalled: prev && !stepped ? prev.stalled : false,
    cancelling: !ended && ((prev?.cancelling ?? false) || job.cancel_requested),
  };
}

/** A slightly later estimate is noise: what is shown moves up only by a fifth or more. */
function expectation(prev: LiveJob | undefined, job: Job, now: number): number | null {
  if (job.eta_seconds === null) return null;
  const left = job.eta_seconds * 1000;
  const shownLeft = (prev?.readyAt ?? 0) - now;
  const isNoise = shownLeft > 0 && left > shownLeft && left < shownLeft * 1.2;
  return isNoise ? (prev?.readyAt ?? null) : now + left;
}

function onlyQueue({ waiting, processing, held, paused, retry_at }: QueueState): QueueState {
  return { waiting, processing, held, paused, retry_at };
}
