/**
 * What has to happen to live jobs as time passes: leave after their end, be asked about when they
 * seem stuck, be polled for when the socket is silent, be checked on when the line is. A page that
 * comes back into view reads its conversations again: another one may have deleted some.
 *
 * Rule: the page never declares a job stuck by itself. It asks the server, and only an answer that
 * shows no step either makes it say so.
 */
import { getJob } from '../api/routes';
import { useChatStore } from '../stores/chatStore';
import { useConnectionStore } from '../stores/connectionStore';
import { activeJobs, expired, type ImageJobsStore, overdue, STUCK_AFTER_MS, useImageJobsStore } from '../stores/imageJobsStore';
import type { LiveJob } from '../stores/liveJobs';
import { useSessionStore } from '../stores/sessionStore';
import { pollStatus, takeJobs } from './intake';
import { lookAgain } from './session';

export const POLL_EVERY_MS = 3000;
export const SILENT_AFTER_MS = 15_000;
const SWEEP_EVERY_MS = 1000;
const STUCK_CHECK_EVERY_MS = 15_000;

/** `lastHeardAt` tells when the socket was last heard; returns how to stop. */
export function startUpkeep(lastHeardAt: () => number): () => void {
  const timers = [
    setInterval(sweep, SWEEP_EVERY_MS),
    setInterval(() => void pollIfSilent(lastHeardAt()), POLL_EVERY_MS),
    setInterval(() => void checkStuck(), STUCK_CHECK_EVERY_MS),
  ];
  const onVisible = (): void => {
    if (document.visibilityState !== 'visible') return;
    void checkStuck();
    void lookAgain();
  };
  document.addEventListener('visibilitychange', onVisible);
  return () => {
    timers.forEach(clearInterval);
    document.removeEventListener('visibilitychange', onVisible);
  };
}

/** Ended jobs go once their message carries the result (or nobody shows that message). */
function sweep(now = Date.now()): void {
  const store = useImageJobsStore.getState();
  const ids = expired(store, now).filter((id) => resultIsKept(store, id));
  if (ids.length > 0) store.remove(ids);
}

function resultIsKept(store: ImageJobsStore, id: string): boolean {
  const job = store.jobs[id]?.job;
  const messages = job && useChatStore.getState().messages[job.conversation_id];
  if (!job || !messages) return true;
  const message = messages.find((candidate) => candidate.id === job.message_id);
  return message?.job?.job_id !== id || message.job.status === job.status;
}

async function pollIfSilent(lastHeardAt: number): Promise<void> {
  if (useSessionStore.getState().state !== 'signed_in' || activeJobs(useImageJobsStore.getState()).length === 0) return;
  const silent = Date.now() - lastHeardAt > SILENT_AFTER_MS;
  if (useConnectionStore.getState().phase === 'open' && !silent) return;
  await pollStatus().catch(() => undefined);
}

export async function checkStuck(now = Date.now()): Promise<void> {
  if (useSessionStore.getState().state !== 'signed_in') return;
  const store = useImageJobsStore.getState();
  await Promise.all(overdue(store, now).map(checkOne));
  const quiet = now - store.queueReceivedAt >= STUCK_AFTER_MS;
  const waiting = activeJobs(store).filter((live) => live.job.status === 'queued');
  if (quiet && waiting.length > 0) await pollStatus().catch(() => undefined);
}

async function checkOne(before: LiveJob): Promise<void> {
  const id = before.job.job_id;
  try {
    takeJobs([await getJob(id)]);
  } catch {
    return;
  }
  const after = useImageJobsStore.getState().jobs[id];
  if (after && after.changedAt === before.changedAt) useImageJobsStore.getState().markStalled(id, true);
}
