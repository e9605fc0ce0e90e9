import { render } from '@testing-library/react';
import { StrictMode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { announce, announceEnd, announceProgress, useAnnouncer } from '../src/stores/announcer';
import { useWebSocket } from '../src/hooks/useWebSocket';
import { batched } from '../src/realtime/batch';
import { titleFor } from '../src/presence/tab';
import { takeJobs, NO_JOBS } from '../src/stores/liveJobs';
import { drawing, job } from './jobs';

describe('useWebSocket', () => {
  const made: string[] = [];

  beforeEach(() => {
    vi.useFakeTimers();
    made.length = 0;
    class CountedSocket extends EventTarget {
      static readonly OPEN = 1;
      readyState = 0;
      constructor(url: string) {
        super();
        made.push(url);
      }
      close(): void {}
    }
    vi.stubGlobal('WebSocket', CountedSocket);
  });

  afterEach(() => {
    vi.runOnlyPendingTimers();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  function User({ enabled = true }: { enabled?: boolean }) {
    useWebSocket(enabled);
    return null;
  }

  it('opens one socket for any number of users, mounted twice or not', () => {
    const shown = render(
      <StrictMode>
        <User />
        <User />
      </StrictMode>,
    );
    vi.advanceTimersByTime(1000);
    expect(made).toEqual(['ws://localhost:3000/ws']);
    shown.unmount();
    vi.advanceTimersByTime(1000);
  });

  it('opens none without a session', () => {
    const shown = render(<User enabled={false} />);
    expect(made).toEqual([]);
    shown.unmount();
  });
});

describe('batched', () => {
  it('hands on at once after a pause, then at most ten times a second', () => {
    vi.useFakeTimers();
    const got: number[][] = [];
    const batch = batched<number>((items) => got.push(items));
    batch.add(1);
    vi.advanceTimersByTime(0);
    expect(got).toEqual([[1]]);
    for (let n = 2; n <= 50; n += 1) {
      batch.add(n);
      vi.advanceTimersByTime(10);
    }
    expect(got.length).toBeLessThanOrEqual(6);
    vi.advanceTimersByTime(100);
    expect(got.flat()).toHaveLength(50);
    vi.useRealTimers();
  });
});

describe('the announcer', () => {
  it('tells together what happens at one moment, so that no end is pushed out unheard', async () => {
    announceEnd('x', 'Picture ready: a boat');
    announceProgress('z', 'Getting the model ready');
    expect(useAnnouncer.getState().text).toBe('Picture ready: a boat. Getting the model ready');
    const { turn } = useAnnouncer.getState();
    await Promise.resolve();
    announce('Copied');
    expect(useAnnouncer.getState()).toMatchObject({ text: 'Copied', turn: turn + 1 });
    await Promise.resolve();
  });

  it('tells a job’s progress at most every ten seconds', async () => {
    announceProgress('x', 'one', 100_000);
    announceProgress('x', 'two', 105_000);
    expect(useAnnouncer.getState().text).toBe('one');
    await Promise.resolve();
    announceProgress('y', 'other', 105_000);
    expect(useAnnouncer.getState().text).toBe('other');
    await Promise.resolve();
    announceProgress('x', 'three', 110_000);
    expect(useAnnouncer.getState().text).toBe('three');
  });
});

describe('the title', () => {
  const titled = (...jobs: ReturnType<typeof job>[]): string => titleFor(Object.values(takeJobs(NO_JOBS, jobs, 0).jobs));

  it('shows the progress of what runs, else how many wait', () => {
    expect(titled()).toBe('Forgeline');
    expect(titled(job(), job({ job_id: 'b' }))).toBe('(2) Forgeline');
    expect(titled(job({ job_id: 'b' }), drawing())).toBe('45% · Forgeline');
    expect(titled(drawing({ progress: 100 }))).toBe('99% · Forgeline');
  });
});
