/** Parts that the finished card and the large view share: facts, download, copying. */
import type { Job } from '../api/types';
import { useCopied } from '../hooks/useCopied';
import { useWords } from '../i18n';
import { IconButton } from './Button';
import { dotted } from './dotted';
import { Icon } from './Icon';

export function Meta({ job }: { job: Job }) {
  const { t, exactSpan } = useWords();
  const { width, height, seed } = job.params;
  const took = job.started_at && job.finished_at ? (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000 : null;
  const parts = [
    width && height ? `${width} × ${height}` : null,
    seed !== undefined && seed >= 0 ? t.seedMeta(String(seed)) : null,
    took !== null && took >= 0 ? exactSpan(took) : null,
  ];
  return (
    <p className="meta">
      {dotted(parts)}
    </p>
  );
}

export function DownloadLink({ job }: { job: Job }) {
  const { t } = useWords();
  return (
    <a className="icon-button" href={`${job.image_url}?download=1`} download aria-label={t.download} title={t.download}>
      <Icon name="download" />
    </a>
  );
}

interface CopyProps {
  label: string;
  icon: 'copy' | 'picture';
  content: string | (() => Promise<void>);
}

export function CopyButton({ label, icon, content }: CopyProps) {
  const { t } = useWords();
  const [state, copy] = useCopied();
  return (
    <span className={`copy copy-${icon}`}>
      <IconButton icon={state === 'copied' ? 'check' : icon} label={label} onClick={() => copy(content)} />
      {state !== 'idle' && (
        <span className="copy-said" aria-hidden="true">
          {state === 'copied' ? t.copied : t.copyFailed}
        </span>
      )}
    </span>
  );
}
