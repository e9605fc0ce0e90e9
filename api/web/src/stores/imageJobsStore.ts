/**
 * The store of live jobs: what runs or waits right now, by job_id.
 *
 * Rule: a live job is only news. Its result belongs to its message; ten seconds after the end the
 * live job goes, and the card reads the message from then on.
 */
import { create } from 'zustand';
import type { ImageStatus, Job, ServerFrame } from '../api/types';
import {
  type LiveJob,
  type LiveJobs,
  missingFrom,
  NO_JOBS,
  takeJobs,
  takeQueue,
  takeQueueFrame,
  withFlags,
  withoutJobs,
} from './liveJobs';
import { isTerminal } from './mergeJob';

export const STUCK_AFTER_MS = 5 * 60_000;
export const REMOVE_AFTER_MS = 10_000;

interface Actions {
  upsertFromServer: (jobs: readonly Job[], now?: number) => void;
  /** Take a batch of frames as one change. */
  applyFrames: (frames: readonly ServerFrame[], now?: number) => void;
  /** Take a full list of my unfinished jobs; returns the ids it should have named and did not. */
  applySnapshot: (list: readonly Job[], requestedAt: number, now?: number) => string[];
  applyStatus: (status: ImageStatus, requestedAt: number, now?: number) => string[];
  restore: (jobs: readonly Job[], now?: number) => void;
  markCancelling: (id: string, cancelling: boolean) => void;
  markStalled: (id: string, stalled: boolean) => void;
  remove: (ids: readonly string[]) => void;
  reset: () => void;
}

export type ImageJobsStore = LiveJobs & Actions;

export const useImageJobsStore = create<ImageJobsStore>()((set, get) => ({
  ...NO_JOBS,
  upsertFromServer: (jobs, now = Date.now()) => set((state) => takeJobs(state, jobs, now)),
  applyFrames: (frames, now = Date.now()) => set((state) => frames.reduce<LiveJobs>(frameTaker(now), state)),
  applySnapshot: (list, requestedAt, now = Date.now()) => {
    const missing = missingFrom(get(), list, requestedAt);
    set((state) => takeJobs(state, list, now));
    return missing;
  },
  applyStatus: (status, requestedAt, now = Date.now()) => {
    const missing = get().applySnapshot(status.jobs, requestedAt, now);
    if (get().queueReceivedAt < requestedAt) set((state) => takeQueue(state, status.queue, now));
    return missing;
  },
  restore: (jobs, now = Date.now()) =>
    set((state) => {
      const unknown = jobs.filter((job) => !state.jobs[job.job_id]);
      const taken = takeJobs(state, unknown, now);
      return unknown.reduce<LiveJobs>((all, { job_id }) => withFlags(all, job_id, { stale: true, readyAt: null, receivedAt: 0 }), taken);
    }),
  markCancelling: (id, cancelling) => set((state) => withFlags(state, id, { cancelling })),
  markStalled: (id, stalled) => set((state) => withFlags(state, id, { stalled })),
  remove: (ids) => set((state) => withoutJobs(state, ids)),
  reset: () => set(NO_JOBS),
}));

function frameTaker(now: number) {
  return (state: LiveJobs, frame: ServerFrame): LiveJobs => {
    if (frame.type === 'image_progress') return takeJobs(state, [frame.job], now);
    if (frame.type === 'queue') return takeQueueFrame(state, frame, now);
    if (frame.type === 'snapshot') return takeQueue(takeJobs(state, frame.jobs, now), frame.queue, now);
    return state;
  };
}

export function isActive(live: LiveJob): boolean {
  return !isTerminal(live.job.status);
}

export function activeJobs(state: Pick<LiveJobs, 'jobs'>): LiveJob[] {
  return Object.values(state.jobs).filter(isActive);
}

/** Jobs being worked on that have not moved for five minutes. */
export function overdue(state: LiveJobs, now: number): LiveJob[] {
  return activeJobs(state).filter((live) => live.job.status === 'processing' && now - live.changedAt >= STUCK_AFTER_MS);
}

/** Jobs whose end was shown for ten seconds. */
export function expired(state: LiveJobs, now: number): string[] {
  return Object.values(state.jobs)
    .filter((live) => live.endedAt !== null && now - live.endedAt >= REMOVE_AFTER_MS)
    .map((live) => live.job.job_id);
}
