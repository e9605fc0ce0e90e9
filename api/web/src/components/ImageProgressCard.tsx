/**
 * One picture, from the click to the image or the reason why there is none.
 *
 * Rule: a card reads its live job while there is one and its message ever after. It is memoised,
 * so an event draws the one card it is about.
 */
import { memo } from 'react';
import type { Job, Message } from '../api/types';
import { useWords } from '../i18n';
import { useChatStore } from '../stores/chatStore';
import { hasNews, useConnectionStore } from '../stores/connectionStore';
import { useImageJobsStore } from '../stores/imageJobsStore';
import type { LiveJob } from '../stores/liveJobs';
import { isTerminal } from '../stores/mergeJob';
import { calculateQueuePosition, FRESH_MS, type QueuePlaceShown } from '../stores/queuePosition';
import { useNow } from '../hooks/useNow';
import { cardStatus, statusLine } from './cardView';
import { CancelledCard, FailedCard, NoteCard } from './EndedCards';
import { ImageResult } from './ImageResult';
import { KeptFocus } from './KeptFocus';
import { PictureFrame } from './PictureFrame';
import { ProgressBar } from './ProgressBar';
import { StatusRow } from './StatusRow';

export const ImageProgressCard = memo(function ImageProgressCard({ message }: { message: Message }) {
  const { t } = useWords();
  const jobId = message.job?.job_id;
  const live = useImageJobsStore((state) => (jobId ? state.jobs[jobId] : undefined));
  const gone = useChatStore((state) => jobId !== undefined && state.gone[jobId] === true);
  const job = live?.job ?? message.job;
  if (!job || gone) return <NoteCard icon="picture">{t.gone}</NoteCard>;
  return (
    <KeptFocus stage={job.status}>
      <JobCard job={job} live={live ?? atRest(job)} wasLive={live !== undefined} />
    </KeptFocus>
  );
});

function JobCard({ job, live, wasLive }: { job: Job; live: LiveJob; wasLive: boolean }) {
  const { t } = useWords();
  if (!isTerminal(job.status)) return <WorkingCard live={live} />;
  if (job.status === 'error') return <FailedCard job={job} fresh={wasLive} />;
  if (job.status === 'cancelled') return <CancelledCard job={job} />;
  if (job.image_expired || !job.image_url) return <NoteCard icon="picture">{t.imageExpired}</NoteCard>;
  return <ImageResult job={job} />;
}

function WorkingCard({ live }: { live: LiveJob }) {
  const { job } = live;
  const words = useWords();
  const queue = useImageJobsStore((state) => state.queue);
  const connected = useConnectionStore(hasNews);
  const status = cardStatus(words, live, queue, usePlace(live, connected));
  const held = status.phase === 'held';
  const still = held || status.phase === 'paused' || !connected;
  return (
    <div className="card" aria-busy="true" data-phase={status.phase} data-connected={connected}>
      <StatusRow live={live} status={status} connected={connected} />
      <PictureFrame job={job} shimmer={!still} percent={status.percent ?? 0} dimmed={status.phase === 'cancelling'} held={held}>
        <ProgressBar prompt={job.prompt} percent={status.percent} text={statusLine(words, status)} still={still} />
      </PictureFrame>
    </div>
  );
}

function usePlace(live: LiveJob, connected: boolean): QueuePlaceShown | null {
  const waits = live.job.status === 'queued';
  const fresh = useNow(waits && !connected) - live.receivedAt < FRESH_MS || connected;
  const rank = useImageJobsStore((state) => {
    if (!waits) return '';
    const place = calculateQueuePosition(state.jobs, live.job.job_id, fresh);
    return place ? `${place.position}/${place.total}/${place.exact}` : '';
  });
  if (rank === '') return null;
  const [position, total, exact] = rank.split('/');
  return { position: Number(position), total: Number(total), exact: exact === 'true' };
}

/** A job without live news: as the database told it. */
function atRest(job: Job): LiveJob {
  return { job, receivedAt: 0, changedAt: 0, endedAt: null, readyAt: null, stale: true, stalled: false, cancelling: job.cancel_requested };
}
