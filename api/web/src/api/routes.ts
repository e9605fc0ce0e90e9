/** The server's routes by name; each takes and gives the shapes of types.ts. */
import { asJob, asJobs } from '../realtime/normalize';
import { ApiError, call } from './client';
import type { Conversation, GenerateRequest, ImageStatus, Job, Me, Message, Options } from './types';

const PAGE = 50;

export const getMe = (): Promise<Me> => call<Me>('/me');

export const openSession = (token: string): Promise<Me> => call<Me>('/session', { method: 'POST', body: { token } });

export const closeSession = (): Promise<void> => call<void>('/session', { method: 'DELETE' });

export const getOptions = (): Promise<Options> => call<Options>('/image/options');

export async function getStatus(): Promise<ImageStatus> {
  const status = await call<ImageStatus>('/image/status');
  return { ...status, jobs: asJobs(status.jobs) };
}

export async function generate(request: GenerateRequest, idempotencyKey: string): Promise<Job> {
  return job(await call('/image/generate', { method: 'POST', body: request, headers: { 'Idempotency-Key': idempotencyKey } }));
}

export async function getJob(id: string): Promise<Job> {
  return job(await call(`/image/job/${encodeURIComponent(id)}/status`));
}

export async function cancelJob(id: string): Promise<Job> {
  return job(await call(`/image/job/${encodeURIComponent(id)}/cancel`, { method: 'DELETE' }));
}

export async function retryJob(id: string): Promise<Job> {
  return job(await call(`/image/job/${encodeURIComponent(id)}/retry`, { method: 'POST' }));
}

export const cancelWaiting = (): Promise<{ cancelled: number }> => call('/image/jobs?status=queued', { method: 'DELETE' });

export function getConversations(cursor?: string): Promise<{ conversations: Conversation[]; next_cursor: string | null }> {
  const rest = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
  return call(`/conversations?limit=${PAGE}${rest}`);
}

export async function getMessages(conversationId: string, before?: number): Promise<{ messages: Message[]; has_more: boolean }> {
  const rest = before === undefined ? '' : `&before=${before}`;
  const page = await call<{ messages: Message[]; has_more: boolean }>(
    `/conversations/${encodeURIComponent(conversationId)}/messages?limit=${PAGE}${rest}`,
  );
  return { ...page, messages: page.messages.map((message) => ({ ...message, job: asJob(message.job) })) };
}

export const deleteConversation = (id: string): Promise<void> =>
  call<void>(`/conversations/${encodeURIComponent(id)}`, { method: 'DELETE' });

function job(raw: unknown): Job {
  const parsed = asJob(raw);
  if (!parsed) throw new ApiError('internal', 200);
  return parsed;
}
