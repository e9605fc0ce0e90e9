import { describe, expect, it } from 'vitest';
import type { Job } from '../src/api/types';
import { mergeJob, newerOfMessage } from '../src/stores/mergeJob';
import { complete, dice, job } from './jobs';
import table from './merge_cases.json';

interface Case {
  name: string;
  prev: Partial<Job> | null;
  next: Partial<Job>;
  keeps: string;
  fields?: Partial<Job>;
}

const cases = table.cases as unknown as Case[];
const histories = table.histories as unknown as { name: string; events: Partial<Job>[] }[];

describe('mergeJob', () => {
  it('is held to at least forty cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(40);
  });

  it.each(cases)('$name', ({ prev, next, keeps, fields }) => {
    const before = prev ? job(prev) : undefined;
    const merged = mergeJob(before, job(next));
    expect(merged === before).toBe(keeps === 'prev');
    expect(merged).toEqual(keeps === 'prev' ? before : { ...job(next), ...fields });
  });

  it.each(histories)('ends in the same state in any order, however often: $name', ({ events }) => {
    const jobs = events.map(job);
    const random = dice(7);
    for (let round = 0; round < 500; round += 1) {
      const shuffled = [...jobs, ...jobs.slice(0, round % jobs.length)].map((item) => ({ item, at: random() }));
      const order = shuffled.toSorted((a, b) => a.at - b.at).map(({ item }) => item);
      expect(order.reduce<Job | undefined>(mergeJob, undefined)).toEqual(jobs.at(-1));
    }
  });

  it.each(histories)('never lets the status, the progress or the version go back: $name', ({ events }) => {
    const jobs = events.map(job);
    const random = dice(11);
    for (let round = 0; round < 200; round += 1) {
      const order = jobs.map((item) => ({ item, at: random() })).toSorted((a, b) => a.at - b.at);
      const shown: Job[] = [];
      for (const { item } of order) shown.push(mergeJob(shown.at(-1), item));
      const steps = shown.slice(1).map((now, index) => [shown[index] as Job, now] as const);
      expect(steps.filter(([before, now]) => goesBack(before, now))).toEqual([]);
    }
  });
});

function goesBack(before: Job, now: Job): boolean {
  const sameRun = before.attempt === now.attempt && before.status === now.status;
  const ended = ['complete', 'error', 'cancelled'].includes(before.status) && now.status !== before.status;
  return ended || (sameRun && now.progress < before.progress) || now.attempt < before.attempt || (now.attempt === before.attempt && now.version < before.version);
}

describe('newerOfMessage', () => {
  const first = job({ job_id: 'a' });
  const again = job({ job_id: 'b', retry_of: 'a' });

  it('takes the retry, whichever report came first', () => {
    expect(newerOfMessage(first, again)).toBe(again);
    expect(newerOfMessage(again, first)).toBe(again);
  });

  it('takes the later of two jobs that do not name each other', () => {
    const late = job({ job_id: 'c', created_at: '2026-01-02T00:00:00.000Z', retry_of: 'b' });
    expect(newerOfMessage(first, late)).toBe(late);
    expect(newerOfMessage(late, first)).toBe(late);
  });

  it('merges reports of the same job', () => {
    expect(newerOfMessage(complete(), job())).toEqual(complete());
    expect(newerOfMessage(null, first)).toBe(first);
  });
});
