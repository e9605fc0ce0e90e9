import { beforeEach, describe, expect, it, vi } from 'vitest';
import { useImageJobsStore } from '../src/stores/imageJobsStore';
import { cacheKey, clearJobs, keepJobsCached, readJobs, writeJobs } from '../src/stores/jobsCache';
import { complete, drawing, job } from './jobs';

const DAY_MS = 24 * 3_600_000;

beforeEach(() => useImageJobsStore.getState().reset());

describe('jobsCache', () => {
  it('gives back what it was given, without pictures and estimates', () => {
    writeJobs('u', [drawing({ preview_url: '/image/job/a/preview?v=1', eta_seconds: 9 })], 1000);
    expect(readJobs('u', 2000)).toEqual([drawing({ preview_url: null, eta_seconds: null })]);
  });

  it('keeps users apart', () => {
    writeJobs('u', [job()]);
    expect(readJobs('v')).toEqual([]);
    clearJobs('u');
    expect(readJobs('u')).toEqual([]);
  });

  it('forgets after a day', () => {
    writeJobs('u', [job()], 0);
    expect(readJobs('u', DAY_MS)).toHaveLength(1);
    expect(readJobs('u', DAY_MS + 1)).toEqual([]);
  });

  it.each(['', '{', 'null', '5', '[]', '{"jobs":5}', '{"jobs":[],"savedAt":"x"}', '{"savedAt":1,"jobs":[{"status":"queued"},7,null]}'])(
    'counts %s as empty',
    (text) => {
      localStorage.setItem(cacheKey('u'), text);
      expect(readJobs('u', 2)).toEqual([]);
    },
  );

  it('survives a storage that refuses', () => {
    const refuse = (): never => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    vi.spyOn(Storage.prototype, 'setItem').mockImplementation(refuse);
    vi.spyOn(Storage.prototype, 'getItem').mockImplementation(refuse);
    writeJobs('u', [job()]);
    expect(readJobs('u')).toEqual([]);
  });

  it('writes at most once a second, and only unfinished jobs', () => {
    vi.useFakeTimers();
    const written = vi.spyOn(Storage.prototype, 'setItem');
    const stop = keepJobsCached('u');
    const { upsertFromServer } = useImageJobsStore.getState();
    for (let progress = 1; progress <= 50; progress += 1) upsertFromServer([drawing({ version: progress, progress })]);
    upsertFromServer([drawing({ job_id: 'b' })]);
    upsertFromServer([complete({ job_id: 'b' })]);
    vi.advanceTimersByTime(1000);
    expect(written).toHaveBeenCalledTimes(1);
    expect(readJobs('u').map((kept) => kept.job_id)).toEqual(['a']);
    stop();
    vi.useRealTimers();
  });
});
