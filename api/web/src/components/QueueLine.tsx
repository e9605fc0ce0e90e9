/**
 * The line in one sentence, just above the composer, for who waits in it.
 *
 * Rule: only who waits is told when the line moves, so nobody else is shown its length.
 */
import { cancelAllWaiting } from '../actions/jobs';
import { useNow } from '../hooks/useNow';
import { useWords } from '../i18n';
import { hasNews, useConnectionStore } from '../stores/connectionStore';
import { type ImageJobsStore, useImageJobsStore } from '../stores/imageJobsStore';
import type { LiveJob } from '../stores/liveJobs';
import { Button } from './Button';
import { dotted } from './dotted';

export function QueueLine() {
  const { t, number, span } = useWords();
  const first = useImageJobsStore(firstWaiting);
  const own = useImageJobsStore(ownWaiting);
  const quiet = useImageJobsStore((state) => state.queue?.held === true || state.queue?.paused === true);
  const connected = useConnectionStore(hasNews);
  const now = useNow(first?.readyAt !== null && first !== null);
  if (!connected || own === 0) return null;
  const position = first?.job.queue_position ?? 0;
  const left = first?.readyAt ? (first.readyAt - now) / 1000 : 0;
  return (
    <div className="queue-line">
      <p>
        {dotted([words(), left > 0 && !quiet && t.about(span(left))])}
      </p>
      {own > 1 && <Button onClick={() => void cancelAllWaiting()}>{t.cancelWaiting(number(own))}</Button>}
    </div>
  );

  function words(): string {
    if (quiet) return t.waitingInLine(number(own));
    if (position === 0) return t.inLine;
    return position === 1 ? t.youAreNext : t.beforeYou(number(position - 1));
  }
}

function waitingJobs(state: ImageJobsStore): LiveJob[] {
  return Object.values(state.jobs).filter((live) => live.job.status === 'queued' && !live.cancelling);
}

function ownWaiting(state: ImageJobsStore): number {
  return waitingJobs(state).length;
}

function firstWaiting(state: ImageJobsStore): LiveJob | null {
  const place = (live: LiveJob): number => live.job.queue_position || Number.POSITIVE_INFINITY;
  return waitingJobs(state).reduce<LiveJob | null>((best, live) => (best && place(best) <= place(live) ? best : live), null);
}
