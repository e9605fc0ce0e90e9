/**
 * What a screen reader is told: one polite sentence at a time for the whole page.
 *
 * Rule: per job at most one sentence of progress in ten seconds; ends are always told. What is said
 * at one moment is told together: a later sentence would push the earlier one out unheard.
 */
import { create } from 'zustand';

interface Store {
  text: string;
  /** Grows with every sentence, so that the same words are read again. */
  turn: number;
}

const GAP_MS = 10_000;
const lastTold = new Map<string, number>();

export const useAnnouncer = create<Store>()(() => ({ text: '', turn: 0 }));

const moment = new Set<string>();

export function announce(text: string): void {
  const begins = moment.size === 0;
  if (begins) queueMicrotask(() => moment.clear());
  moment.add(text);
  useAnnouncer.setState(({ turn }) => ({ text: [...moment].join('. '), turn: turn + Number(begins) }));
}

/** A sentence of progress; dropped when this job was heard less than ten seconds ago. */
export function announceProgress(jobId: string, text: string, now = Date.now()): void {
  if (now - (lastTold.get(jobId) ?? 0) < GAP_MS) return;
  lastTold.set(jobId, now);
  announce(text);
}

export function announceEnd(jobId: string, text: string): void {
  lastTold.delete(jobId);
  announce(text);
}
