/**
 * Where news enters: frames and lists go into the stores, results into their messages.
 *
 * Rules: subscribe, then snapshot. A list can only speak about what was known before it was asked
 * for; what it does not name is asked for by id before anything is believed lost. News that
 * overtake the answer to their own submission wait for it. What arrives while nobody is signed in
 * is nobody's.
 */
import { asApiError } from '../api/client';
import { getJob, getStatus } from '../api/routes';
import type { Job, Me, ServerFrame } from '../api/types';
import { openConversationId, useChatStore } from '../stores/chatStore';
import { useConnectionStore } from '../stores/connectionStore';
import { useImageJobsStore } from '../stores/imageJobsStore';
import { useSessionStore } from '../stores/sessionStore';
import { noticeNewJobs } from './conversations';
import { admit, releaseOvertaking } from './overtaking';

let onNewcomer: (me: Me) => void = () => undefined;

/** Whoever keeps the session learns here that the socket speaks to somebody else: another tab signed in. */
export function whenNewcomer(listener: (me: Me) => void): void {
  onNewcomer = listener;
}

export function takeJobs(jobs: readonly Job[]): void {
  if (nobodyIsHere()) return;
  const admitted = admit(jobs);
  useImageJobsStore.getState().upsertFromServer(admitted);
  spread(admitted);
}

/** The submission was answered: what had overtaken the answer is taken now. */
export function takeOvertaking(): void {
  const jobs = releaseOvertaking();
  if (jobs.length > 0) takeJobs(jobs);
}

export function takeFrames(frames: readonly ServerFrame[], snapshotAskedAt: number): void {
  if (nobodyIsHere()) return;
  const admitted = sinceNewcomer(frames).flatMap(admitFrame);
  const store = useImageJobsStore.getState();
  setClock(admitted);
  store.applyFrames(admitted);
  spread(admitted.flatMap((frame) => (frame.type === 'image_progress' ? [frame.job] : [])));
  for (const frame of admitted) {
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
  const jobs = admit(status.jobs);
  const missing = useImageJobsStore.getState().applyStatus({ ...status, jobs }, askedAt);
  spread(jobs);
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
    if (asApiError(error).code !== 'not_found') return;
    useImageJobsStore.getState().remove([id]);
    useChatStore.getState().markGone(id);
  }
}

function nobodyIsHere(): boolean {
  return useSessionStore.getState().me === null;
}

/** Moments the server names are measured on its own clock. */
function setClock(frames: readonly ServerFrame[]): void {
  const last = frames.findLast((frame) => frame.type === 'hello' || frame.type === 'queue');
  if (last && 'server_time' in last) useConnectionStore.getState().setServerTime(last.server_time);
}

/** Let in whom a hello names; what came before it was for somebody else. */
function sinceNewcomer(frames: readonly ServerFrame[]): readonly ServerFrame[] {
  const here = useSessionStore.getState().me?.user_id;
  const at = frames.findLastIndex((frame) => frame.type === 'hello' && (frame.user.user_id || here) !== here);
  const hello = frames[at];
  if (hello?.type !== 'hello') return frames;
  onNewcomer(hello.user);
  return frames.slice(at);
}

function admitFrame(frame: ServerFrame): ServerFrame[] {
  if (frame.type === 'image_progress') return admit([frame.job]).map((job) => ({ ...frame, job }));
  return frame.type === 'snapshot' ? [{ ...frame, jobs: admit(frame.jobs) }] : [frame];
}

/** Messages keep the results; conversations nobody has seen yet are fetched. */
function spread(jobs: readonly Job[]): void {
  if (jobs.length === 0) return;
  const chat = useChatStore.getState();
  const shown = new Map(Object.entries(chat.messages).map(([id, messages]) => [id, new Set(messages.map((message) => message.id))]));
  const unseen = jobs.filter((job) => !shown.get(job.conversation_id)?.has(job.message_id));
  chat.takeJobs(jobs);
  if (unseen.length > 0) noticeNewJobs(unseen, openConversationId(chat));
}
