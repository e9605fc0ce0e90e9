/**
 * Where a waiting job of mine stands.
 *
 * Rule: only the server sees everybody's jobs, so its word is shown while it is fresh (the socket
 * is open, or it is younger than 30 s). Without it the page knows its own jobs alone: the rank
 * among them, by created_at and then job_id, is a lower bound and is marked `exact: false`.
 */
import type { Job } from '../api/types';

export interface QueuePlaceShown {
  position: number;
  total: number;
  exact: boolean;
}

export const FRESH_MS = 30_000;

type JobsById = Readonly<Record<string, { job: Job }>>;

export function calculateQueuePosition(jobs: JobsById, jobId: string, serverIsFresh: boolean): QueuePlaceShown | null {
  const job = jobs[jobId]?.job;
  if (job?.status !== 'queued') return null;
  if (serverIsFresh && job.queue_position > 0) {
    return { position: job.queue_position, total: Math.max(job.queue_total, job.queue_position), exact: true };
  }
  const ranks = ownRanks(jobs);
  return { position: ranks.get(jobId) ?? 1, total: Math.max(ranks.size, job.queue_total), exact: false };
}

let lastJobs: JobsById | null = null;
let lastRanks: ReadonlyMap<string, number> = new Map();

/** Sorted once per change of the store, not once per card. */
function ownRanks(jobs: JobsById): ReadonlyMap<string, number> {
  if (jobs === lastJobs) return lastRanks;
  const queued = Object.values(jobs)
    .map((live) => live.job)
    .filter((job) => job.status === 'queued')
    .sort(byArrival);
  lastJobs = jobs;
  lastRanks = new Map(queued.map((job, index) => [job.job_id, index + 1]));
  return lastRanks;
}

function byArrival(a: Job, b: Job): number {
  return Date.parse(a.created_at) - Date.parse(b.created_at) || (a.job_id < b.job_id ? -1 : 1);
}
