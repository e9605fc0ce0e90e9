/** Why the last submission was refused, and when it may be tried again; above the text it is about. */
import { useEffect } from 'react';
import { useNow } from '../hooks/useNow';
import { useWords } from '../i18n';
import { activeJobs, useImageJobsStore } from '../stores/imageJobsStore';
import { type Notice, useComposerStore } from '../stores/composerStore';
import { Button, IconButton } from './Button';
import { Icon } from './Icon';

export function ComposerNotice() {
  const notice = useComposerStore((state) => state.notice);
  return notice && <NoticeLine notice={notice} />;
}

function NoticeLine({ notice }: { notice: Notice }) {
  const { t, error, countdown } = useWords();
  const now = Math.max(notice.since, useNow(notice.until !== null));
  const left = notice.until === null ? 0 : (notice.until - now) / 1000;
  const over = notice.until !== null && left <= 0;
  useEffect(() => {
    if (over) clear();
  }, [over]);
  return (
    <div className="notice">
      <Icon name="alert" />
      <div className="notice-text">
        <div role="alert">
          <p>{error(notice.code, notice.said)}</p>
          {notice.faults.map((fault) => (
            <p key={fault.field + fault.message}>
              <strong>{fieldName(t, fault.field)}</strong> {fault.message}
            </p>
          ))}
        </div>
        {left > 0 && <p className="notice-wait">{t.tryAgainIn(countdown(left))}</p>}
      </div>
      {notice.code === 'too_many_jobs' && <Button onClick={showOwnJobs}>{t.seeOwnJobs}</Button>}
      {left <= 0 && <IconButton icon="close" label={t.dismiss} onClick={clear} />}
    </div>
  );
}

function fieldName(t: ReturnType<typeof useWords>['t'], field: string): string {
  const names: Readonly<Record<string, string>> = {
    prompt: t.promptLabel,
    negative_prompt: t.negativePrompt,
    width: t.width,
    height: t.height,
    steps: t.steps,
    cfg_scale: t.cfgScale,
    distilled_cfg_scale: t.distilledCfgScale,
    sampler_name: t.sampler,
    scheduler: t.scheduler,
    seed: t.seed,
    model: t.model,
  };
  return names[field] ?? field;
}

/** Bring the first unfinished job into view: here, or in the list of other conversations. */
function showOwnJobs(): void {
  const first = activeJobs(useImageJobsStore.getState())[0];
  const bar = first && document.querySelector('[role="progressbar"]');
  bar?.scrollIntoView({ block: 'center' });
}

function clear(): void {
  useComposerStore.getState().setNotice(null);
}
