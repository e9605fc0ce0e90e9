/** The picture large: the browser's own dialog brings the focus trap, Esc and the way back. */
import { useEffect, useRef } from 'react';
import type { Job } from '../api/types';
import { useWords } from '../i18n';
import { Announcer } from './Announcer';
import { IconButton } from './Button';
import { CopyButton, DownloadLink, Meta } from './PictureParts';

export function Lightbox({ job, onClosed }: { job: Job; onClosed: () => void }) {
  const { t } = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  const close = (): void => dialog.current?.close();
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  // a click beside the picture closes too; the keyboard has Esc and the button
  return (
    <dialog
      ref={dialog}
      className="lightbox"
      aria-label={t.viewer}
      onClose={onClosed}
      onPointerDown={(event) => event.target === event.currentTarget && close()}
    >
      <div className="lightbox-bar">
        <p className="lightbox-prompt">{job.prompt}</p>
        <CopyButton label={t.copyPrompt} icon="copy" content={job.prompt} />
        <DownloadLink job={job} />
        <IconButton icon="close" label={t.close} onClick={close} />
      </div>
      <img className="lightbox-picture" src={job.image_url ?? ''} alt={job.prompt} width={job.params.width} height={job.params.height} />
      <Meta job={job} />
      {/* what is outside an open dialog is not read aloud */}
      <Announcer />
    </dialog>
  );
}
