/**
 * The server's public shapes, word for word: field names, statuses, frames.
 *
 * Rule: nothing here is invented by the page; what the page adds lives in the stores.
 */
export type Language = 'en' | 'tr';
export type JobStatus = 'queued' | 'processing' | 'complete' | 'error' | 'cancelled';
export type JobStage = 'waiting' | 'held' | 'loading' | 'sampling' | 'saving';

export interface GenerationParams {
  negative_prompt: string;
  width: number;
  height: number;
  steps: number;
  cfg_scale: number;
  distilled_cfg_scale: number;
  sampler_name: string;
  scheduler: string;
  seed: number;
  model: string | null;
}

export interface GenerateRequest extends Partial<GenerationParams> {
  prompt: string;
  conversation_id?: string;
  locale?: Language;
}

export interface Job {
  type: 'image';
  job_id: string;
  message_id: number;
  conversation_id: string;
  status: JobStatus;
  stage: JobStage | null;
  progress: number;
  queue_position: number;
  queue_total: number;
  eta_seconds: number | null;
  attempt: number;
  version: number;
  prompt: string;
  params: Partial<GenerationParams>;
  image_url: string | null;
  placeholder: boolean;
  image_expired: boolean;
  preview_url: string | null;
  error: string | null;
  error_code: string | null;
  retryable: boolean;
  cancel_requested: boolean;
  retry_of: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  updated_at: string;
  server_time: string;
}

export interface Message {
  id: number;
  conversation_id: string;
  role: 'user' | 'bot' | 'system';
  content: string;
  extra_metadata: Record<string, unknown>;
  created_at: string;
  updated_at: string;
  job: Job | null;
}

export interface Conversation {
  id: string;
  title: string;
  created_at: string;
  updated_at: string;
}

export interface Me {
  user_id: string;
  username: string | null;
  roles: string[];
  auth_mode: 'local' | 'jwt';
}

export interface QueueState {
  waiting: number;
  processing: number;
  held: boolean;
  paused: boolean;
  retry_at: string | null;
}

export interface QueuePlace {
  job_id: string;
  queue_position: number;
  eta_seconds: number | null;
}

export interface WorkerStatus {
  name: string;
  forge: string | null;
  problem: 'unreachable' | 'unauthorized' | 'busy_elsewhere' | 'poisoned' | null;
  circuit: { state: 'closed' | 'open' | 'half_open'; failures: number; retry_at: string | null };
  demo: boolean;
  job_id: string | null;
}

export interface ImageStatus {
  queue: QueueState;
  workers: WorkerStatus[];
  jobs: Job[];
}

export interface SizePreset {
  name: string;
  width: number;
  height: number;
}

export interface Limits {
  max_prompt_chars: number;
  max_pixels: number;
  max_steps: number;
  min_side: number;
  max_side: number;
  side_step: number;
}

export interface Options {
  samplers: string[];
  schedulers: string[];
  models: { name: string; title: string }[];
  defaults: GenerationParams;
  limits: Limits;
  presets: SizePreset[];
  demo: boolean;
}

/** RFC 9457, plus the stable code and every fault of the request. */
export interface Problem {
  title: string;
  status: number;
  detail: string;
  code: string;
  errors?: { field: string; message: string }[];
  login_url?: string | null;
}

export interface HelloFrame {
  type: 'hello';
  protocol: 1;
  user: Me;
  heartbeat_s: number;
  server_time: string;
}

export interface SnapshotFrame {
  type: 'snapshot';
  jobs: Job[];
  queue: QueueState;
  truncated: boolean;
}

export interface ImageProgressFrame {
  type: 'image_progress';
  job: Job;
}

export interface QueueFrame extends QueueState {
  type: 'queue';
  jobs: QueuePlace[];
  server_time: string;
}

export interface PingFrame {
  type: 'ping';
  server_time: string;
}

export interface ResyncFrame {
  type: 'resync';
}

export type ServerFrame = HelloFrame | SnapshotFrame | ImageProgressFrame | QueueFrame | PingFrame | ResyncFrame;

export const CLOSE_CODES = {
  unauthenticated: 4401,
  authTimeout: 4408,
  tooManySockets: 4429,
  restarting: 1012,
  tryAgainLater: 1013,
} as const;
