/** The current time for countdowns, one clock for the whole page. */
import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = Date.now();

/** Ticks once a second while `active`; otherwise it is the moment of the last drawing. */
export function useNow(active: boolean): number {
  return useSyncExternalStore(active ? subscribe : never, read);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function tick(): void {
  now = Date.now();
  for (const listener of listeners) listener();
}

const never = (): (() => void) => () => undefined;

/** The same number for a second, so that one drawing sees one moment. */
function read(): number {
  const current = Date.now();
  if (Math.abs(current - now) >= 1000) now = current;
  return now;
}
