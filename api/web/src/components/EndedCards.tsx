/** Cards of jobs that ended without a picture: why, and what can be done. */
import { type ReactNode, useState } from 'react';
import { retry } from '../actions/jobs';
import { reuse } from '../actions/submit';
import type { Job } from '../api/types';
import { useCopied } from '../hooks/useCopied';
import { useWords } from '../i18n';
import { Button } from './Button';
import { Icon, type IconName } from './Icon';

export function NoteCard({ icon, children }: { icon: IconName; children: ReactNode }) {
  return (
    <div className="card note-card">
      <Icon name={icon} />
      <p>{children}</p>
    </div>
  );
}

/** `fresh`: it failed before the reader's eyes, so it is said aloud. */
export function FailedCard({ job, fresh }: { job: Job; fresh: boolean }) {
  const { t, error } = useWords();
  const sentence = error(job.error_code, job.error);
  return (
    <div className="card ended-card" data-kind="failed">
      <div className="ended-text" {...(fresh ? { role: 'alert' } : {})}>
        <Icon name="alert" />
        <p>{sentence}</p>
      </div>
      <div className="ended-actions">
        {job.retryable && <RetryButton job={job} />}
        <Button look={job.retryable ? 'plain' : 'outline'} icon="reuse" onClick={() => reuse(job)}>
          {t.editPrompt}
        </Button>
      </div>
      <FailureDetails job={job} />
    </div>
  );
}

export function CancelledCard({ job }: { job: Job }) {
  const { t } = useWords();
  return (
    <div className="card ended-card" data-kind="cancelled">
      <div className="ended-text">
        <Icon name="close" />
        <p>{t.cancelled}</p>
      </div>
      <div className="ended-actions">
        <RetryButton job={job} />
      </div>
    </div>
  );
}

function RetryButton({ job }: { job: Job }) {
  const { t } = useWords();
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);
  const onClick = async (): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setRefusal(await retry(job));
    setBusy(false);
  };
  return (
    <>
      <Button look="outline" icon="again" aria-disabled={busy} onClick={() => void onClick()}>
        {t.retry}
      </Button>
      {refusal && (
        <p className="ended-refusal" role="alert">
          {refusal}
        </p>
      )}
    </>
  );
}

function FailureDetails({ job }: { job: Job }) {
  const { t } = useWords();
  const [copied, copy] = useCopied();
  const text = `${job.error_code ?? ''}\n${job.error ?? ''}\n${t.jobNumber} ${job.job_id}`;
  return (
    <details className="ended-details">
      <summary>{t.details}</summary>
      <div className="ended-details-body">
        <p>
          <code lang="en">{job.error_code}</code>
          {job.error && <span>{job.error}</span>}
        </p>
        <p>
          {t.jobNumber} <code lang="en">{job.job_id}</code>
        </p>
        <Button icon={copied === 'copied' ? 'check' : 'copy'} onClick={() => copy(text)}>
          {{ idle: t.copyDetails, copied: t.copied, failed: t.copyFailed }[copied]}
        </Button>
      </div>
    </details>
  );
}
