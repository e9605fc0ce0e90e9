/**
 * Says why a click came to nothing, where everybody sees and hears it.
 *
 * Rule: nothing fails in silence but for who has left, and what the page tells at another place.
 */
import { asApiError } from '../api/client';
import { useComposerStore } from '../stores/composerStore';

/** `abandoned` is nobody's any more; a job that has just finished shows so itself. */
const TOLD_ELSEWHERE = new Set(['abandoned', 'job_finished']);

export function complain(error: unknown): void {
  const { code, said, faults } = asApiError(error);
  if (!TOLD_ELSEWHERE.has(code)) useComposerStore.getState().setNotice({ code, said, faults, since: Date.now(), until: null });
}
