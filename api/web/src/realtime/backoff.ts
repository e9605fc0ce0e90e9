/**
 * How long to wait before the next connection: exponential, with full jitter.
 *
 * Rule: `random(0, min(cap, base * 2^n))`, never under the floor, so that a thousand pages cut off
 * at one moment do not come back at one moment.
 */
export const BASE_MS = 500;
export const CAP_MS = 20_000;
export const FLOOR_MS = 250;
/** After "too many sockets" another tab has to go first. */
export const LONG_MS = 60_000;
/** Only a connection that lived so long proves that the server is well. */
export const PROVEN_AFTER_MS = 5000;

export function backoffMs(failures: number, random: () => number = Math.random): number {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures, 16));
  return Math.max(FLOOR_MS, random() * ceiling);
}

export function longBackoffMs(random: () => number = Math.random): number {
  return LONG_MS / 2 + random() * (LONG_MS / 2);
}
