/** A finished picture: what it is, the picture, what can be done with it. */
import { useState } from 'react';
import { regenerate, reuse } from '../actions/submit';
import type { Job } from '../api/types';
import { useWords } from '../i18n';
import { Button, IconButton } from './Button';
import { Lightbox } from './Lightbox';
import { PictureFrame } from './PictureFrame';
import { CopyButton, DownloadLink, Meta } from './PictureParts';

export function ImageResult({ job }: { job: Job }) {
  const [large, setLarge] = useState(false);
  const open = (): void => setLarge(true);
  return (
    <div className="card" data-phase="complete">
      <div className="status-row">
        <Meta job={job} />
      </div>
      <PictureFrame job={job} shimmer={false} percent={100} onOpen={open} />
      <Actions job={job} onOpen={open} />
      {large && <Lightbox job={job} onClosed={() => setLarge(false)} />}
    </div>
  );
}

function Actions({ job, onOpen }: { job: Job; onOpen: () => void }) {
  const { t } = useWords();
  return (
    <div className="actions" role="group" aria-label={t.pictureActions}>
      <IconButton icon="expand" label={t.open} onClick={onOpen} />
      <DownloadLink job={job} />
      <CopyButton label={t.copyPrompt} icon="copy" content={job.prompt} />
      {canCopyPictures() && <CopyButton label={t.copyImage} icon="picture" content={() => copyPicture(job.image_url ?? '')} />}
      <IconButton icon="reuse" label={t.reuse} onClick={() => reuse(job)} />
      <Button icon="again" onClick={() => void regenerate(job)}>
        {t.regenerate}
      </Button>
    </div>
  );
}

function canCopyPictures(): boolean {
  return typeof ClipboardItem === 'function' && window.isSecureContext;
}

async function copyPicture(address: string): Promise<void> {
  const blob = fetch(address).then((response) => response.blob());
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]);
}
