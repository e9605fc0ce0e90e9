/**
 * Keeps the unfinished jobs in this browser, so that a reload shows cards before the network answers.
 *
 * Rule: a cache, never a source. Only unfinished jobs, no picture, one day at most, a key per
 * user; whatever is wrong with the storage (quota, private mode, broken JSON, another version)
 * counts as empty.
 */
import type { Job } from '../api/types';
import { asJob } from '../realtime/normalize';
import { attempt } from './attempt';
import { activeJobs, useImageJobsStore } from './imageJobsStore';

const PREFIX = 'imgjobs:v1:';
const TTL_MS = 24 * 3_600_000;
const WRITE_EVERY_MS = 1000;

export function cacheKey(userId: string): string {
  return PREFIX + userId;
}

export function writeJobs(userId: string, jobs: readonly Job[], now = Date.now()): void {
  const kept = jobs.map((job) => ({ ...job, preview_url: null, image_url: null, eta_seconds: null }));
  attempt(() => localStorage.setItem(cacheKey(userId), JSON.stringify({ savedAt: now, jobs: kept })));
}

export function readJobs(userId: string, now = Date.now()): Job[] {
  const text = attempt(() => localStorage.getItem(cacheKey(userId)));
  const saved = text ? (attempt(() => JSON.parse(text)) as { savedAt?: unknown; jobs?: unknown } | null) : null;
  if (typeof saved !== 'object' || saved === null || !Array.isArray(saved.jobs)) return [];
  if (typeof saved.savedAt !== 'number' || now - saved.savedAt > TTL_MS) return [];
  return saved.jobs.flatMap((raw) => asJob(raw) ?? []);
}

export function clearJobs(userId: string): void {
  attempt(() => localStorage.removeItem(cacheKey(userId)));
}

/** Write at most once a second, and once more when the page is left; returns how to stop. */
export function keepJobsCached(userId: string): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = (): void => {
    clearTimeout(timer);
    timer = undefined;
    writeJobs(
      userId,
      activeJobs(useImageJobsStore.getState()).map((live) => live.job),
    );
  };
  const unsubscribe = useImageJobsStore.subscribe((state, before) => {
    if (state.jobs !== before.jobs) timer ??= setTimeout(write, WRITE_EVERY_MS);
  });
  window.addEventListener('pagehide', write);
  return () => {
    clearTimeout(timer);
    unsubscribe();
    window.removeEventListener('pagehide', write);
  };
}
