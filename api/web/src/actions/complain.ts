/**
 * Says why a click came to nothing, where everybody sees and hears it.
 *
 * Rule: nothing fails in silence but for who has left, and what the page tells at another place.
 */
import { asApiError } from '../api/client';
import { useComposerStore } from '../stores/composerStore';

/** `abandoned` is nobody's any more; an ended session, and what is gone or has just finished, show so themselves. */
const TOLD_ELSEWHERE = new Set(['abandoned', 'unauthenticated', 'not_found', 'job_finished']);

/** Nothing more may be sent before the moment `until`. */
export function complain(error: unknown, until: number | null = null): void {
  const { code, said, faults } = asApiError(error);
  if (!TOLD_ELSEWHERE.has(code)) useComposerStore.getState().setNotice({ code, said, faults, since: Date.now(), until });
}
