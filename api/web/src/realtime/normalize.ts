/**
 * Turns whatever a server sent into one of our frames, or null.
 *
 * Rule: the only place that looks at untyped data. It knows snake_case and camelCase, our statuses
 * and Celery's state names, brings progress into 0..100, and refuses another protocol version;
 * everything behind it may trust the types.
 */
import type { Job, JobStage, JobStatus, QueueFrame, QueuePlace, QueueState, ServerFrame } from '../api/types';
import { attempt } from '../stores/attempt';
import { UNVERSIONED } from '../stores/mergeJob';

type Fields = Readonly<Record<string, unknown>>;

const STATUSES: Readonly<Record<string, JobStatus>> = {
  queued: 'queued',
  pending: 'queued',
  received: 'queued',
  retry: 'queued',
  processing: 'processing',
  started: 'processing',
  progress: 'processing',
  complete: 'complete',
  completed: 'complete',
  success: 'complete',
  error: 'error',
  failed: 'error',
  failure: 'error',
  cancelled: 'cancelled',
  canceled: 'cancelled',
  revoked: 'cancelled',
};
const STAGES: readonly string[] = ['waiting', 'held', 'loading', 'sampling', 'saving'] satisfies JobStage[];
const PROTOCOL = 1;

export function parseFrame(data: unknown): ServerFrame | null {
  if (typeof data !== 'string') return null;
  return attempt(() => asFrame(JSON.parse(data)));
}

export function asFrame(raw: unknown): ServerFrame | null {
  const frame = asFields(raw);
  switch (frame?.['type']) {
    case 'hello':
      return frame['protocol'] === PROTOCOL ? (frame as unknown as ServerFrame) : null;
    case 'ping':
      return { type: 'ping', server_time: text(frame['server_time']) };
    case 'resync':
      return { type: 'resync' };
    case 'queue':
      return asQueueFrame(frame);
    case 'snapshot':
      return { type: 'snapshot', jobs: asJobs(frame['jobs']), queue: asQueue(asFields(frame['queue']) ?? {}), truncated: frame['truncated'] === true };
    case 'image_progress': {
      const job = asJob(frame['job']);
      return job && { type: 'image_progress', job };
    }
    default:
      return null;
  }
}

export function asJobs(raw: unknown): Job[] {
  return Array.isArray(raw) ? raw.flatMap((item) => asJob(item) ?? []) : [];
}

export function asJob(raw: unknown): Job | null {
  const job = asFields(raw);
  const status = job && STATUSES[text(job['status']).toLowerCase()];
  if (!job || !status || typeof job['job_id'] !== 'string' || !job['job_id']) return null;
  return { ...identityOf(job), ...stateOf(job, status), ...placeOf(job), ...outcomeOf(job), ...momentsOf(job) };
}

export function asQueue(raw: Fields): QueueState {
  return {
    waiting: count(raw['waiting']),
    processing: count(raw['processing']),
    held: raw['held'] === true,
    paused: raw['paused'] === true,
    retry_at: textOrNull(raw['retry_at']),
  };
}

function asQueueFrame(frame: Fields): QueueFrame {
  const places = Array.isArray(frame['jobs']) ? frame['jobs'].flatMap((item) => asPlace(item) ?? []) : [];
  return { type: 'queue', ...asQueue(frame), jobs: places, server_time: text(frame['server_time']) };
}

function asPlace(raw: unknown): QueuePlace | null {
  const place = asFields(raw);
  if (!place || typeof place['job_id'] !== 'string') return null;
  return { job_id: place['job_id'], queue_position: count(place['queue_position']), eta_seconds: seconds(place['eta_seconds']) };
}

function identityOf(job: Fields) {
  return {
    type: 'image' as const,
    job_id: text(job['job_id']),
    message_id: count(job['message_id']),
    conversation_id: text(job['conversation_id']),
    prompt: text(job['prompt']),
    params: (asFields(job['params']) ?? {}) as Job['params'],
    retry_of: textOrNull(job['retry_of']),
  };
}

function stateOf(job: Fields, status: JobStatus) {
  const stage = text(job['stage']);
  return {
    status,
    stage: STAGES.includes(stage) ? (stage as JobStage) : null,
    progress: status === 'complete' ? 100 : Math.min(100, count(job['progress'])),
    attempt: version(job['attempt']),
    version: version(job['version']),
    cancel_requested: job['cancel_requested'] === true,
  };
}

function placeOf(job: Fields) {
  return {
    queue_position: count(job['queue_position']),
    queue_total: count(job['queue_total']),
    eta_seconds: seconds(job['eta_seconds']),
  };
}

function outcomeOf(job: Fields) {
  return {
    image_url: ownAddress(job['image_url']),
    placeholder: job['placeholder'] === true,
    image_expired: job['image_expired'] === true,
    preview_url: ownAddress(job['preview_url']),
    error: textOrNull(job['error']),
    error_code: textOrNull(job['error_code']),
    retryable: job['retryable'] === true,
  };
}

function momentsOf(job: Fields) {
  return {
    created_at: text(job['created_at']),
    started_at: textOrNull(job['started_at']),
    finished_at: textOrNull(job['finished_at']),
    updated_at: text(job['updated_at']),
    server_time: text(job['server_time']),
  };
}

/** An object with its keys in snake_case. */
function asFields(raw: unknown): Fields | null {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return null;
  const snake = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(raw).map(([key, value]) => [snake(key), value]));
}

/** Pictures come from this server alone: a path, never another host or scheme. */
function ownAddress(value: unknown): string | null {
  return typeof value === 'string' && /^\/(?!\/)/.test(value) ? value : null;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function count(value: unknown): number {
  const number = typeof value === 'string' ? Number.parseFloat(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? Math.max(0, number) : 0;
}

function seconds(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}

function version(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : UNVERSIONED;
}
