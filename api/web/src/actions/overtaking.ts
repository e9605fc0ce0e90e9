/**
 * Jobs whose news came before the answer to their own submission.
 *
 * Rule: they wait here until that answer has come, so that one job is never shown twice: once as
 * what is being sent, once as what has arrived. An answer that was given up is asked for again.
 */
import type { Job, Message } from '../api/types';
import type { PendingTurn } from '../stores/chatLogic';
import { useChatStore } from '../stores/chatStore';
import { useImageJobsStore } from '../stores/imageJobsStore';

/** Failures after which nobody knows whether the submission arrived. */
export const UNCERTAIN = new Set(['network', 'timeout', 'internal']);

let overtaking: Job[] = [];
let askAgain: (turn: PendingTurn) => unknown = () => undefined;

/** Whoever sends learns here that what it had given up seems to have arrived. */
export function whenArrived(listener: typeof askAgain): void {
  askAgain = listener;
}

/** The jobs that may be shown now; unknown ones that a submission without an answer may have made have to wait. */
export function admit(jobs: readonly Job[]): Job[] {
  const known = useImageJobsStore.getState().jobs;
  const [now, later] = [[] as Job[], [] as Job[]];
  for (const job of jobs) {
    const turn = known[job.job_id] ? undefined : unanswered(job);
    (turn ? later : now).push(job);
    if (turn?.failure) askAgain(turn);
  }
  overtaking.push(...later);
  return now;
}

/** The messages that may be shown now; the question of a job that has to wait waits with it. */
export function admitMessages(messages: readonly Message[]): Message[] {
  const admitted = new Set(admit(messages.flatMap(({ job }) => job ?? [])));
  const waits = (message?: Message): boolean => !!message?.job && !admitted.has(message.job);
  return messages.filter((message, at) => !waits(message) && !(message.role === 'user' && waits(messages[at + 1])));
}

/** Give out what waits, for good. */
export function releaseOvertaking(): Job[] {
  const jobs = overtaking;
  overtaking = [];
  return jobs;
}

/** The job a submission made although its answer got lost, if its news have arrived. */
export function overtakenBy(turn: PendingTurn): Job | undefined {
  return overtaking.find((job) => mayHaveMade(turn, job));
}

function unanswered(job: Job): PendingTurn | undefined {
  return useChatStore
    .getState()
    .pending.find((turn) => (!turn.failure || UNCERTAIN.has(turn.failure.code)) && mayHaveMade(turn, job));
}

function mayHaveMade({ tries, request, after }: PendingTurn, job: Job): boolean {
  return tries > 0 && request.prompt === job.prompt && job.message_id > after;
}
