/**
 * What a card says about a job, as a value: the phase, the words, the bar.
 *
 * Rule: the server's status and stage decide; what the page knows itself (cancel was clicked, the
 * line is held, the connection is away) only colours it. 100 % is shown by the picture alone.
 */
import type { Job, QueueState } from '../api/types';
import type { Words } from '../i18n';
import type { LiveJob } from '../stores/liveJobs';
import type { QueuePlaceShown } from '../stores/queuePosition';
import { dotted } from './dotted';

/** What an unfinished job is doing; the phases have names in the dictionaries. */
export type CardPhase = 'queued' | 'held' | 'paused' | 'starting' | 'drawing' | 'finishing' | 'cancelling';

export interface CardStatus {
  phase: CardPhase;
  label: string;
  /** "3 of 7" while it waits and the place is known. */
  place: string | null;
  /** Null while nobody can say how far it is. */
  percent: number | null;
}

const MAX_SHOWN = 99;

export function cardPhase(job: Job, cancelling: boolean, queue: QueueState | null): CardPhase {
  if (cancelling) return 'cancelling';
  return job.status === 'queued' ? waitingPhase(job, queue) : workingPhase(job);
}

export function cardStatus(words: Words, live: LiveJob, queue: QueueState | null, place: QueuePlaceShown | null): CardStatus {
  const phase = cardPhase(live.job, live.cancelling, queue);
  const percent = percentOf(phase, live.job);
  return { phase, label: labelOf(words, phase, place), place: placeWords(words, phase, place), percent };
}

/** What changes with the clock: how long it takes; null when nobody can say. */
export function cardHint(words: Words, phase: CardPhase, live: LiveJob, now: number): string | null {
  if (phase === 'cancelling') return live.job.status === 'processing' ? words.t.cancellingHint : null;
  const canTell = !live.stale && !live.stalled && (phase === 'queued' || phase === 'drawing' || phase === 'starting');
  if (!canTell || live.readyAt === null) return null;
  const left = (live.readyAt - now) / 1000;
  if (left > 0) return words.t.about(words.span(left));
  return phase === 'drawing' ? words.t.almostDone : null;
}

/** The status in one line, without the clock: for a screen reader, and for short rows. */
export function statusLine({ percent: write }: Words, { phase, label, place, percent }: CardStatus): string {
  const shown = percent === null || phase === 'cancelling' ? null : write(percent);
  return dotted([label, place, shown]);
}

function waitingPhase(job: Job, queue: QueueState | null): CardPhase {
  if (queue ? queue.held : job.stage === 'held') return 'held';
  return queue?.paused ? 'paused' : 'queued';
}

function workingPhase(job: Job): CardPhase {
  if (job.stage === 'saving') return 'finishing';
  if (job.stage === 'sampling') return 'drawing';
  return job.progress > 0 ? 'drawing' : 'starting';
}

function percentOf(phase: CardPhase, job: Job): number | null {
  if (phase === 'finishing') return MAX_SHOWN;
  if (phase === 'drawing') return Math.min(MAX_SHOWN, Math.floor(job.progress));
  return phase === 'cancelling' && job.progress > 0 ? Math.min(MAX_SHOWN, Math.floor(job.progress)) : null;
}

function labelOf({ t }: Words, phase: CardPhase, place: QueuePlaceShown | null): string {
  if (phase !== 'queued') return t[phase];
  return place?.exact && place.position === 1 ? t.youAreNext : t.inLine;
}

function placeWords({ t, number }: Words, phase: CardPhase, place: QueuePlaceShown | null): string | null {
  const waits = phase === 'queued' || phase === 'held' || phase === 'paused';
  return waits && place?.exact ? t.placeOf(number(place.position), number(place.total)) : null;
}
