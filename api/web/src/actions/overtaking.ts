/**
 * Jobs whose news came before the answer to their own submission.
 *
 * Rule: they wait here until that answer has come, so that one job is never shown twice: once as
 * what is being sent, once as what has arrived.
 */
import type { Job, Message } from '../api/types';
import { useChatStore } from '../stores/chatStore';
import { useImageJobsStore } from '../stores/imageJobsStore';
import { isTerminal } from '../stores/mergeJob';

let overtaking: Job[] = [];

/** The jobs that may be shown now; unknown ones with a prompt that is being sent have to wait. */
export function admit(jobs: readonly Job[]): Job[] {
  const sent = new Set(useChatStore.getState().pending.filter((turn) => turn.failure === null).map((turn) => turn.request.prompt));
  if (sent.size === 0) return [...jobs];
  const known = useImageJobsStore.getState().jobs;
  const [now, later] = [[] as Job[], [] as Job[]];
  for (const job of jobs) (sent.has(job.prompt) && !known[job.job_id] ? later : now).push(job);
  overtaking.push(...later);
  return now;
}

/** The messages that may be shown now; the question of a job that has to wait waits with it. */
export function admitMessages(messages: readonly Message[]): Message[] {
  const unfinished = messages.flatMap(({ job }) => (job && !isTerminal(job.status) ? job : []));
  const admitted = admit(unfinished);
  const waiting = unfinished.filter((job) => !admitted.includes(job));
  const waits = (message?: Message): boolean => waiting.some((job) => job === message?.job);
  return messages.filter((message, at) => !waits(message) && !(message.role === 'user' && waits(messages[at + 1])));
}

/** Give out what waits, for good. */
export function releaseOvertaking(): Job[] {
  const jobs = overtaking;
  overtaking = [];
  return jobs;
}

/** The job a submission made although its answer got lost, if its news have arrived. */
export function overtakenBy(prompt: string): Job | undefined {
  return overtaking.find((job) => job.prompt === prompt);
}
