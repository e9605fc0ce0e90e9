import { beforeEach, describe, expect, it } from 'vitest';
import type { QueueFrame } from '../src/api/types';
import { expired, overdue, REMOVE_AFTER_MS, STUCK_AFTER_MS, useImageJobsStore } from '../src/stores/imageJobsStore';
import { FINISHED_KEPT, missingFrom, NO_JOBS, takeJobs } from '../src/stores/liveJobs';
import { calculateQueuePosition } from '../src/stores/queuePosition';
import { complete, drawing, job } from './jobs';

const store = useImageJobsStore;
const live = (id = 'a') => store.getState().jobs[id];
const line: QueueFrame = { type: 'queue', waiting: 7, processing: 1, held: false, paused: false, retry_at: null, jobs: [], server_time: '2026-01-01T12:00:05.000Z' };

beforeEach(() => store.getState().reset());

describe('imageJobsStore', () => {
  it('links a message to its job', () => {
    store.getState().upsertFromServer([job()], 1000);
    expect(store.getState().messageToJob[2]).toBe('a');
  });

  it('keeps every reference when a report says nothing new', () => {
    store.getState().upsertFromServer([job()], 1000);
    const before = store.getState().jobs;
    store.getState().upsertFromServer([job()], 2000);
    expect(store.getState().jobs).toBe(before);
  });

  it('drops late progress of a job that has ended and gone', () => {
    store.getState().upsertFromServer([drawing()], 1000);
    store.getState().upsertFromServer([complete()], 2000);
    store.getState().remove(['a']);
    store.getState().upsertFromServer([drawing({ progress: 90, version: 8 })], 3000);
    expect(live()).toBeUndefined();
  });

  it('does not bring jobs to life that had ended before', () => {
    store.getState().upsertFromServer([complete()], 1000);
    expect(live()).toBeUndefined();
    store.getState().upsertFromServer([drawing()], 2000);
    expect(live()).toBeUndefined();
  });

  it('remembers two hundred ended jobs', () => {
    const many = Array.from({ length: 250 }, (_, n) => complete({ job_id: `j${n}` }));
    store.getState().upsertFromServer(many, 1000);
    expect(store.getState().finished).toHaveLength(FINISHED_KEPT);
    expect(store.getState().finished.at(-1)).toBe('j249');
  });

  it('takes places from the line, in place, with its total', () => {
    store.getState().upsertFromServer([job({ queue_position: 5, queue_total: 9 })], 1000);
    store.getState().applyFrames([{ ...line, jobs: [{ job_id: 'a', queue_position: 3, eta_seconds: 40 }] }], 2000);
    expect(live()?.job).toMatchObject({ queue_position: 3, queue_total: 7, eta_seconds: 40 });
    expect(live()?.readyAt).toBe(42_000);
    expect(store.getState().queue).toEqual({ waiting: 7, processing: 1, held: false, paused: false, retry_at: null });
  });

  it('drops an older word about the line', () => {
    store.getState().applyFrames([line, { ...line, waiting: 9, server_time: '2026-01-01T12:00:04.000Z' }], 1000);
    expect(store.getState().queue?.waiting).toBe(7);
  });

  it('does not let a poll that began earlier overwrite the line', () => {
    store.getState().applyFrames([line], 5000);
    const queue = { waiting: 99, processing: 0, held: true, paused: true, retry_at: null };
    store.getState().applyStatus({ queue, workers: [], jobs: [] }, 4000, 6000);
    expect(store.getState().queue?.waiting).toBe(7);
    store.getState().applyStatus({ queue, workers: [], jobs: [] }, 7000, 8000);
    expect(store.getState().queue?.waiting).toBe(99);
  });

  it('counts a cancel that was asked for, until the end', () => {
    store.getState().upsertFromServer([drawing()], 1000);
    store.getState().markCancelling('a', true);
    store.getState().upsertFromServer([drawing({ version: 4, progress: 50 })], 2000);
    expect(live()?.cancelling).toBe(true);
    store.getState().upsertFromServer([job({ status: 'cancelled', stage: null, attempt: 1, version: 5 })], 3000);
    expect(live()).toMatchObject({ cancelling: false, endedAt: 3000 });
  });

  it('lets an estimate rise only by a fifth or more', () => {
    store.getState().upsertFromServer([drawing({ eta_seconds: 100 })], 0);
    store.getState().upsertFromServer([drawing({ version: 4, eta_seconds: 110 })], 1000);
    expect(live()?.readyAt).toBe(100_000);
    store.getState().upsertFromServer([drawing({ version: 5, eta_seconds: 150 })], 2000);
    expect(live()?.readyAt).toBe(152_000);
    store.getState().upsertFromServer([drawing({ version: 6, eta_seconds: 20 })], 3000);
    expect(live()?.readyAt).toBe(23_000);
    store.getState().upsertFromServer([drawing({ version: 7, eta_seconds: null })], 4000);
    expect(live()?.readyAt).toBeNull();
  });
});

describe('a snapshot', () => {
  const known = takeJobs(NO_JOBS, [job()], 1000);

  it('asks about a job it should have named', () => {
    expect(missingFrom(known, [], 2000)).toEqual(['a']);
  });

  it('says nothing about a job that came while it was on its way', () => {
    expect(missingFrom(known, [], 1000)).toEqual([]);
    expect(missingFrom(known, [], 500)).toEqual([]);
  });

  it('says nothing about jobs it names, or that have ended', () => {
    expect(missingFrom(known, [job()], 2000)).toEqual([]);
    expect(missingFrom(takeJobs(known, [complete()], 1500), [], 2000)).toEqual([]);
  });
});

describe('jobs restored from this browser', () => {
  it('are marked until the server speaks, and lose against it', () => {
    store.getState().upsertFromServer([drawing({ job_id: 'b' })], 500);
    store.getState().restore([job(), drawing({ job_id: 'b', version: 2 })], 1000);
    expect(live()?.stale).toBe(true);
    expect(live('b')?.stale).toBe(false);
    store.getState().upsertFromServer([job()], 2000);
    expect(live()?.stale).toBe(false);
  });

  it('are asked about when a snapshot does not name them', () => {
    store.getState().restore([job()], 1000);
    expect(store.getState().applySnapshot([], 900, 1100)).toEqual(['a']);
  });
});

describe('the clock of a job', () => {
  it('runs from its last step, not from the last word about it', () => {
    store.getState().upsertFromServer([drawing()], 0);
    store.getState().upsertFromServer([drawing({ server_time: '2026-01-01T12:00:30.000Z' })], STUCK_AFTER_MS);
    expect(overdue(store.getState(), STUCK_AFTER_MS - 1)).toEqual([]);
    expect(overdue(store.getState(), STUCK_AFTER_MS).map(({ job: { job_id } }) => job_id)).toEqual(['a']);
  });

  it('does not count against a job that waits', () => {
    store.getState().upsertFromServer([job()], 0);
    expect(overdue(store.getState(), STUCK_AFTER_MS * 2)).toEqual([]);
  });

  it('clears the stuck mark with the next step', () => {
    store.getState().upsertFromServer([drawing()], 0);
    store.getState().markStalled('a', true);
    store.getState().upsertFromServer([drawing({ version: 4, progress: 46 })], 1000);
    expect(live()?.stalled).toBe(false);
  });

  it('lets a job go ten seconds after its end', () => {
    store.getState().upsertFromServer([drawing()], 0);
    store.getState().upsertFromServer([complete()], 1000);
    expect(expired(store.getState(), 1000 + REMOVE_AFTER_MS - 1)).toEqual([]);
    expect(expired(store.getState(), 1000 + REMOVE_AFTER_MS)).toEqual(['a']);
  });
});

describe('calculateQueuePosition', () => {
  const waiting = (id: string, second: number, change = {}) => job({ job_id: id, created_at: `2026-01-01T12:00:0${second}.000Z`, queue_position: 0, queue_total: 0, ...change });
  const of = (...jobs: ReturnType<typeof job>[]) => takeJobs(NO_JOBS, jobs, 0).jobs;

  it('believes the server while its word is fresh', () => {
    expect(calculateQueuePosition(of(waiting('a', 1, { queue_position: 3, queue_total: 7 })), 'a', true)).toEqual({ position: 3, total: 7, exact: true });
  });

  it('falls back to the order of my own jobs: created_at, then job_id', () => {
    const jobs = of(waiting('c', 2), waiting('b', 1), waiting('a', 2));
    expect(['b', 'a', 'c'].map((id) => calculateQueuePosition(jobs, id, false)?.position)).toEqual([1, 2, 3]);
    expect(calculateQueuePosition(jobs, 'c', true)).toEqual({ position: 3, total: 3, exact: false });
  });

  it('does not believe an old word', () => {
    expect(calculateQueuePosition(of(waiting('a', 1, { queue_position: 3, queue_total: 7 })), 'a', false)).toEqual({ position: 1, total: 7, exact: false });
  });

  it('knows no place for what does not wait', () => {
    expect(calculateQueuePosition(of(drawing()), 'a', true)).toBeNull();
    expect(calculateQueuePosition({}, 'a', true)).toBeNull();
  });

  it('sorts once for all cards of a change', () => {
    const jobs = of(...Array.from({ length: 200 }, (_, n) => waiting(`j${n}`, n % 10)));
    const begun = performance.now();
    for (const id of Object.keys(jobs)) calculateQueuePosition(jobs, id, false);
    expect(performance.now() - begun).toBeLessThan(50);
  });
});
