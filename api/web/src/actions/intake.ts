/**
 * Where news enters: frames and lists go into the stores, results into their messages.
 *
 * Rule: subscribe, then snapshot. A list can only speak about what was known before it was asked
 * for; what it does not name is asked for by id before anything is believed lost.
 */
import { ApiError } from '../api/client';
import { getJob, getStatus } from '../api/routes';
import type { Job, ServerFrame } from '../api/types';
import { openConversationId, useChatStore } from '../stores/chatStore';
import { useImageJobsStore } from '../stores/imageJobsStore';
import { noticeNewJobs } from './conversations';

export function takeJobs(jobs: readonly Job[]): void {
  useImageJobsStore.getState().upsertFromServer(jobs);
  spread(jobs);
}

export function takeFrames(frames: readonly ServerFrame[], snapshotAskedAt: number): void {
  const store = useImageJobsStore.getState();
  store.applyFrames(frames);
  spread(frames.flatMap((frame) => (frame.type === 'image_progress' ? [frame.job] : [])));
  for (const frame of frames) {
    if (frame.type !== 'snapshot') continue;
    const missing = store.applySnapshot(frame.jobs, snapshotAskedAt);
    spread(frame.jobs);
    if (!frame.truncated) void askFor(missing);
  }
}

/** The poll: the same news by HTTP, while the socket brings none. */
export async function pollStatus(): Promise<void> {
  const askedAt = Date.now();
  const status = await getStatus();
  const missing = useImageJobsStore.getState().applyStatus(status, askedAt);
  spread(status.jobs);
  await askFor(missing);
}

/** Ask the server about single jobs; one it does not know is told as gone. */
export async function askFor(ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map(askForOne));
}

async function askForOne(id: string): Promise<void> {
  try {
    takeJobs([await getJob(id)]);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'not_found') return;
    useImageJobsStore.getState().remove([id]);
    useChatStore.getState().markGone(id);
  }
}

/** Messages keep the results; conversations nobody has seen yet are fetched. */
function spread(jobs: readonly Job[]): void {
  if (jobs.length === 0) return;
  const chat = useChatStore.getState();
  const open = openConversationId(chat);
  const known = chat.messages;
  const unseen = jobs.filter((job) => !known[job.conversation_id]?.some((message) => message.id === job.message_id));
  chat.takeJobs(jobs);
  if (unseen.length > 0) noticeNewJobs(unseen, open);
}
