/**
 * Which of two reports about a job holds: the one rule of everything the page shows.
 *
 *     mergeJob(prev, next) -> prev | the job to show
 *
 * 1. A terminal job never changes its status.
 * 2. The newer (attempt, version) wins; a put-back (processing -> queued) is newer, so it passes.
 * 3. With equal ones the later server_time wins: places, estimates, previews raise no version.
 * 4. Reports without a version are ordered by level (queued < processing < ended); inside a level
 *    progress may only grow.
 * 5. Progress never falls within an attempt while the job is worked on.
 *
 * Rejected reports return `prev` itself, so that nothing is drawn again. Reports about one job
 * end in the same state in whatever order and however often they arrive.
 */
import type { Job, JobStatus } from '../api/types';

/** Stands in `attempt` and `version` of a report that carries none. */
export const UNVERSIONED = -1;

const LEVEL: Record<JobStatus, number> = { queued: 1, processing: 2, complete: 3, error: 3, cancelled: 3 };

export function isTerminal(status: JobStatus): boolean {
  return LEVEL[status] === 3;
}

export function mergeJob(prev: Job | undefined, next: Job): Job {
  if (!prev) return next;
  if (prev.job_id !== next.job_id) return prev;
  if (isTerminal(prev.status) && next.status !== prev.status) return prev;
  const unversioned = prev.version === UNVERSIONED || next.version === UNVERSIONED;
  return unversioned ? mergeByLevel(prev, next) : mergeByVersion(prev, next);
}

/** The job a message shows: a retry replaces the job it retries, whichever report came first. */
export function newerOfMessage(a: Job | null | undefined, b: Job): Job {
  if (!a) return b;
  if (a.job_id === b.job_id) return mergeJob(a, b);
  if (b.retry_of === a.job_id) return b;
  if (a.retry_of === b.job_id) return a;
  return time(b.created_at) > time(a.created_at) ? b : a;
}

/** Whether `next` is a step of the job itself, not only a new place or estimate. */
export function isStep(prev: Job | undefined, next: Job): boolean {
  if (!prev) return true;
  return compareVersions(prev, next) !== 0 || prev.status !== next.status || prev.progress !== next.progress;
}

function mergeByVersion(prev: Job, next: Job): Job {
  const order = compareVersions(prev, next);
  if (order < 0) return prev;
  if (order > 0) return withoutRegress(prev, next);
  if (LEVEL[next.status] < LEVEL[prev.status]) return prev;
  if (time(next.server_time) <= time(prev.server_time)) return prev;
  return withoutRegress(prev, next);
}

function mergeByLevel(prev: Job, next: Job): Job {
  const rise = LEVEL[next.status] - LEVEL[prev.status];
  if (rise < 0 || isTerminal(prev.status)) return prev;
  if (rise === 0 && next.progress <= prev.progress) return prev;
  return { ...next, attempt: Math.max(prev.attempt, next.attempt), version: Math.max(prev.version, next.version) };
}

function withoutRegress(prev: Job, next: Job): Job {
  const sameRun = prev.attempt === next.attempt && prev.status === 'processing' && next.status === 'processing';
  return sameRun && next.progress < prev.progress ? { ...next, progress: prev.progress } : next;
}

/** Positive when `next` is newer. */
function compareVersions(prev: Job, next: Job): number {
  return next.attempt - prev.attempt || next.version - prev.version;
}

function time(iso: string): number {
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? 0 : ms;
}
