/**
 * Collects frames and hands them on together: the page is drawn at most ten times a second.
 *
 * Rule: the first frame after a pause is handed on at once, so a click feels immediate. A timer and
 * not an animation frame: a hidden page has none, and its news must not pile up.
 */
const GAP_MS = 100;

export interface Batch<T> {
  add: (item: T) => void;
  clear: () => void;
}

export function batched<T>(deliver: (items: T[]) => void): Batch<T> {
  let items: T[] = [];
  let scheduled = false;
  let deliveredAt = Number.NEGATIVE_INFINITY;
  const flush = (): void => {
    scheduled = false;
    deliveredAt = performance.now();
    const batch = items;
    items = [];
    if (batch.length > 0) deliver(batch);
  };
  return {
    add: (item) => {
      items.push(item);
      if (!scheduled) setTimeout(flush, Math.max(0, GAP_MS - (performance.now() - deliveredAt)));
      scheduled = true;
    },
    clear: () => {
      items = [];
    },
  };
}
