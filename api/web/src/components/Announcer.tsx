/** The page's one live region: what a screen reader hears without moving. */
import { useAnnouncer } from '../stores/announcer';

export function Announcer() {
  const { text, turn } = useAnnouncer();
  // an invisible space makes the same words a new text
  return (
    <p className="sr-only" aria-live="polite" data-testid="announcer">
      {text}
      {turn % 2 === 1 ? '\u00a0' : ''}
    </p>
  );
}
