/**
 * What the browser's tab shows while pictures are made: the title, a ring as its icon, a message
 * when a picture is ready and nobody looks.
 *
 * Rule: progress of the job that runs, else how many are unfinished; nothing when all is done.
 */
import restingIcon from '../favicon.svg';
import { currentWords, usePreferences } from '../i18n';
import { activeJobs, useImageJobsStore } from '../stores/imageJobsStore';
import type { LiveJob } from '../stores/liveJobs';

const NAME = 'Forgeline';
const SIZE = 32;

export function startTab(): () => void {
  let shown = '';
  const refresh = (): void => {
    const active = activeJobs(useImageJobsStore.getState());
    const title = titleFor(active);
    if (title !== document.title) document.title = title;
    const ring = ringFor(active);
    if (String(ring) !== shown) drawIcon(ring);
    shown = String(ring);
  };
  refresh();
  const stops = [useImageJobsStore.subscribe(refresh), usePreferences.subscribe(refresh), useImageJobsStore.subscribe(notifyReady)];
  return () => stops.forEach((stop) => stop());
}

export function titleFor(active: readonly LiveJob[]): string {
  const { percent, number } = currentWords();
  const running = active.find((live) => live.job.status === 'processing');
  if (running) return `${percent(Math.min(99, running.job.progress))} · ${NAME}`;
  return active.length > 0 ? `(${number(active.length)}) ${NAME}` : NAME;
}

/** Progress in tenths, 0 while only waiting, null for the resting icon: few drawings, few changes. */
function ringFor(active: readonly LiveJob[]): number | null {
  if (active.length === 0) return null;
  const running = active.find((live) => live.job.status === 'processing');
  return running ? Math.floor(running.job.progress / 10) / 10 : 0;
}

function drawIcon(ring: number | null): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link) return;
  link.href = ring === null ? restingIcon : (ringIcon(ring) ?? restingIcon);
  link.type = ring === null ? 'image/svg+xml' : 'image/png';
}

function ringIcon(ring: number): string | null {
  const canvas = document.createElement('canvas');
  canvas.width = SIZE;
  canvas.height = SIZE;
  const pen = canvas.getContext('2d');
  if (!pen) return null;
  pen.lineWidth = 6;
  arc(pen, 1, '#a7a4ad');
  if (ring > 0) arc(pen, ring, '#6b74ff');
  return canvas.toDataURL('image/png');
}

function arc(pen: CanvasRenderingContext2D, share: number, colour: string): void {
  const top = -Math.PI / 2;
  pen.strokeStyle = colour;
  pen.beginPath();
  pen.arc(SIZE / 2, SIZE / 2, SIZE / 2 - 4, top, top + share * 2 * Math.PI);
  pen.stroke();
}

function notifyReady(state: ReturnType<typeof useImageJobsStore.getState>, before: typeof state): void {
  if (!document.hidden || !('Notification' in window) || Notification.permission !== 'granted') return;
  for (const [id, live] of Object.entries(state.jobs)) {
    const prev = before.jobs[id]?.job.status;
    if (prev && prev !== 'complete' && live.job.status === 'complete') showReady(live);
  }
}

/** Chrome on Android has the constructor and throws in it: there the title has to do. */
function showReady({ job }: LiveJob): void {
  const icon = job.image_url ? { icon: `${job.image_url}?w=256` } : {};
  try {
    const note = new Notification(currentWords().t.readyTitle, { body: job.prompt, tag: job.job_id, ...icon });
    note.addEventListener('click', () => {
      window.focus();
      note.close();
    });
  } catch {
    // an error here would keep the news from whoever listens to the store after us
  }
}
