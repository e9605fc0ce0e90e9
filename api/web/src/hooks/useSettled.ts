/** A condition without flapping: true only after it held for a while, and then for a while. */
import { useEffect, useState } from 'react';

export function useSettled(condition: boolean, afterMs: number, forMs: number): boolean {
  const [settled, setSettled] = useState(false);
  useEffect(() => {
    if (condition === settled) return undefined;
    const timer = setTimeout(() => setSettled(condition), condition ? afterMs : forMs);
    return () => clearTimeout(timer);
  }, [condition, settled, afterMs, forMs]);
  return settled;
}
