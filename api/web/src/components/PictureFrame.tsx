/**
 * The box a picture appears in: reserved in its final shape, sharpening, then crossfading.
 *
 * Rule: nothing moves. The box has the requested aspect ratio from the first moment; the preview
 * stays until the picture itself has loaded (three seconds at most). The placeholder stands in the
 * box of a held job, and of no other.
 */
import { type CSSProperties, type MouseEvent, type ReactNode, useEffect, useState } from 'react';
import type { Job } from '../api/types';
import { useWords } from '../i18n';
import { Button } from './Button';
import { Icon } from './Icon';

const PLACEHOLDER = '/images/placeholder.svg';
const PREVIEW_KEPT_MS = 3000;
const MAX_BLUR_PX = 12;
const DEFAULT_SIDE = 1024;

interface Props {
  job: Job;
  shimmer: boolean;
  /** 0..100, for the blur of the preview. */
  percent: number;
  dimmed?: boolean;
  held?: boolean;
  onOpen?: () => void;
  children?: ReactNode;
}

export function PictureFrame({ job, shimmer, percent, dimmed = false, held = false, onOpen, children }: Props) {
  const done = job.status === 'complete' && job.image_url !== null;
  return (
    <div className="frame" style={sizeStyle(job.params)} data-shimmer={shimmer} data-dimmed={dimmed}>
      {children}
      {held ? <Placeholder /> : <Preview job={job} percent={percent} />}
      {done && <FinalPicture job={job} {...(onOpen ? { onOpen } : {})} />}
    </div>
  );
}

/** The final shape, as custom properties the style sheet computes with. */
export function sizeStyle({ width, height }: { width?: number; height?: number }): CSSProperties {
  return { '--w': width ?? DEFAULT_SIDE, '--h': height ?? DEFAULT_SIDE } as CSSProperties;
}

function Placeholder() {
  return <img className="preview" src={PLACEHOLDER} alt="" data-placeholder="true" />;
}

/** The latest preview of this attempt, kept under the final picture until that has arrived. */
function Preview({ job, percent }: { job: Job; percent: number }) {
  const { attempt, preview_url: news } = job;
  const [last, setLast] = useState<{ attempt: number; url: string } | null>(null);
  const done = job.status === 'complete';
  const isNews = last?.url !== news || last.attempt !== attempt;
  if (news && isNews && !done) setLast({ attempt, url: news });
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setLast(null), PREVIEW_KEPT_MS);
    return () => clearTimeout(timer);
  }, [done]);
  const kept = last?.attempt === attempt && job.status !== 'queued' ? last.url : null;
  const shown = news ?? kept;
  if (!shown) return null;
  const blur = done ? 0 : Math.round(MAX_BLUR_PX * (1 - Math.min(100, percent) / 100) * 10) / 10;
  const style = { '--blur': `${blur}px` } as CSSProperties;
  return <img className="preview" src={shown} alt="" style={style} onError={() => setLast(null)} />;
}

function FinalPicture({ job, onOpen }: { job: Job; onOpen?: () => void }) {
  const { t } = useWords();
  const [tries, setTries] = useState(0);
  const [state, setState] = useState<'loading' | 'loaded' | 'failed'>('loading');
  const src = tries === 0 ? (job.image_url ?? '') : `${job.image_url}#${tries}`;
  const reload = (): void => {
    setTries(tries + 1);
    setState('loading');
  };
  // with a key held, or the middle button, it opens where any link would
  const open = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    onOpen?.();
  };
  if (state === 'failed') return <BrokenPicture onReload={reload} />;
  return (
    <a className="final" href={job.image_url ?? ''} onClick={open} data-state={state} title={t.open}>
      <img
        src={src}
        alt={job.prompt}
        width={job.params.width}
        height={job.params.height}
        decoding="async"
        onLoad={() => setState('loaded')}
        onError={() => setState('failed')}
      />
    </a>
  );
}

function BrokenPicture({ onReload }: { onReload: () => void }) {
  const { t } = useWords();
  return (
    <div className="frame-note" role="alert">
      <Icon name="picture" />
      <p>{t.imageFailed}</p>
      <Button look="outline" icon="again" onClick={onReload}>
        {t.reloadImage}
      </Button>
    </div>
  );
}
