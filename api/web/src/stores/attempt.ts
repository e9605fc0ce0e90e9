/** What the browser may refuse (storage that is full, forbidden or broken) counts as nothing. */
export function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}
