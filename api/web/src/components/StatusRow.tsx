/** The line under the prompt of an unfinished job: what happens, where, how long, and Cancel. */
import { cancel } from '../actions/jobs';
import { checkAgain } from '../actions/upkeep';
import { useWords } from '../i18n';
import type { LiveJob } from '../stores/liveJobs';
import { Button } from './Button';
import type { CardPhase, CardStatus } from './cardView';
import { Dotted } from './Dotted';

export function StatusRow({ live, phase, status }: { live: LiveJob; phase: CardPhase; status: CardStatus }) {
  const { t } = useWords();
  const { job } = live;
  return (
    <div className="status-row">
      <p className="status">
        <span className="status-label" data-phase={phase}>
          {status.label}
        </span>
        {status.details.length > 0 && ' · '}
        <Dotted parts={status.details} />
        {live.stalled && <span className="status-stalled">{t.stalled}</span>}
      </p>
      {live.stalled && <Button onClick={() => void checkAgain(job.job_id)}>{t.checkAgain}</Button>}
      <Button
        look="outline"
        aria-disabled={phase === 'cancelling' || phase === 'finishing'}
        aria-busy={phase === 'cancelling'}
        onClick={() => {
          if (phase !== 'cancelling' && phase !== 'finishing') void cancel(job.job_id);
        }}
      >
        {t.cancel}
      </Button>
    </div>
  );
}
