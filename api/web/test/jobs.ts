/** Jobs and messages for tests: the table's base, changed where it matters. */
import type { Job, Message } from '../src/api/types';
import table from './merge_cases.json';

export const BASE = table.base as unknown as Job;

export function job(change: Partial<Job> = {}): Job {
  return { ...BASE, ...change };
}

export function drawing(change: Partial<Job> = {}): Job {
  return job({ status: 'processing', stage: 'sampling', attempt: 1, version: 3, progress: 45, queue_position: 0, ...change });
}

export function complete(change: Partial<Job> = {}): Job {
  const done = { status: 'complete', stage: null, progress: 100, image_url: '/images/flux_a.png', attempt: 1, version: 9 } as const;
  return job({ ...done, queue_position: 0, params: { width: 1024, height: 1024, seed: 7 }, ...change });
}

export function message(change: Partial<Message> = {}): Message {
  return {
    id: 2,
    conversation_id: 'c',
    role: 'bot',
    content: '[IMAGE_PENDING]',
    extra_metadata: {},
    created_at: BASE.created_at,
    updated_at: BASE.updated_at,
    job: null,
    ...change,
  };
}

/** The same random numbers in every run. */
export function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
