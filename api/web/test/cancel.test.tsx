import { act, render, screen } from '@testing-library/react';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { cancelAllWaiting } from '../src/actions/jobs';
import type { Job } from '../src/api/types';
import { ImageProgressCard } from '../src/components/ImageProgressCard';
import { useChatStore } from '../src/stores/chatStore';
import { useConnectionStore } from '../src/stores/connectionStore';
import { useImageJobsStore } from '../src/stores/imageJobsStore';
import { useSessionStore } from '../src/stores/sessionStore';
import { drawing, job, message } from './jobs';

const me = { user_id: 'u', username: null, roles: [], auth_mode: 'local' as const };
const queue = { waiting: 0, processing: 1, held: false, paused: false, retry_at: null };
const cancelling = (id: string) => useImageJobsStore.getState().jobs[id]?.cancelling;

/** The server cancels what waits, and tells what is left. */
function leaves(left: readonly Job[]): void {
  vi.stubGlobal('fetch', async (path: string, init?: RequestInit) => {
    if (init?.method === 'DELETE') return new Response(JSON.stringify({ cancelled: 1 }));
    return path === '/image/status' ? new Response(JSON.stringify({ queue, workers: [], jobs: left })) : new Response('{}', { status: 404 });
  });
}

beforeEach(() => {
  useImageJobsStore.getState().reset();
  useChatStore.getState().reset();
  useConnectionStore.setState({ phase: 'open', online: true });
  useSessionStore.setState({ state: 'signed_in', me: { ...me, roles: [] } });
  useImageJobsStore.getState().upsertFromServer([job(), job({ job_id: 'b', message_id: 4, queue_position: 2 })]);
});

describe('cancelling everything that waits', () => {
  it('lets a job go that was claimed meanwhile: it goes on, and can be cancelled by itself', async () => {
    leaves([drawing()]);
    render(<ImageProgressCard message={message({ job: job() })} />);
    await act(() => cancelAllWaiting());
    expect(cancelling('a')).toBe(false);
    expect(cancelling('b')).toBe(true);
    expect(document.body.textContent).toContain('Drawing');
    expect(screen.getByRole('button', { name: 'Cancel' })).toHaveAttribute('aria-disabled', 'false');
  });

  it('keeps the mark of a job that is told to stop', async () => {
    leaves([drawing({ cancel_requested: true })]);
    await cancelAllWaiting();
    expect(cancelling('a')).toBe(true);
  });

  it('takes the marks back when the server cannot be asked', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('network')));
    await cancelAllWaiting();
    expect([cancelling('a'), cancelling('b')]).toEqual([false, false]);
  });
});
