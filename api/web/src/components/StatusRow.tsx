/** The line under the prompt of an unfinished job: what happens, where, how long, and Cancel. */
import { askFor } from '../actions/intake';
import { cancel } from '../actions/jobs';
import { useNow } from '../hooks/useNow';
import { useWords } from '../i18n';
import type { LiveJob } from '../stores/liveJobs';
import { Button } from './Button';
import { cardHint, type CardPhase, type CardStatus } from './cardView';

export function StatusRow({ live, status, connected }: { live: LiveJob; status: CardStatus; connected: boolean }) {
  const { t } = useWords();
  const { job } = live;
  return (
    <div className="status-row">
      <p className="status">
        <StatusWords status={status} />
        {(connected || status.phase === 'cancelling') && <Hint live={live} phase={status.phase} />}
        {live.stalled && <span className="status-stalled">{t.stalled}</span>}
      </p>
      {live.stalled && <Button onClick={() => void askFor([job.job_id])}>{t.checkAgain}</Button>}
      <CancelButton jobId={job.job_id} phase={status.phase} />
    </div>
  );
}

function StatusWords({ status: { phase, label, place, percent } }: { status: CardStatus }) {
  const words = useWords();
  return (
    <>
      <span className="status-label">{label}</span>
      {place !== null && ' · '}
      {place !== null && (
        <span className="place" key={place}>
          {place}
        </span>
      )}
      {percent !== null && phase !== 'cancelling' && ` · ${words.percent(percent)}`}
    </>
  );
}

/** Apart from the rest: the clock draws this alone anew. */
function Hint({ live, phase }: { live: LiveJob; phase: CardPhase }) {
  const words = useWords();
  const hint = cardHint(words, phase, live, useNow(live.readyAt !== null));
  return hint === null ? null : ` · ${hint}`;
}

function CancelButton({ jobId, phase }: { jobId: string; phase: CardPhase }) {
  const { t } = useWords();
  const over = phase === 'cancelling' || phase === 'finishing';
  return (
    <Button look="outline" aria-disabled={over} aria-busy={phase === 'cancelling'} onClick={() => void (over || cancel(jobId))}>
      {t.cancel}
    </Button>
  );
}
