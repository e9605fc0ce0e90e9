/**
 * Says aloud what happens to jobs, through the one live region.
 *
 * Rule: status changes always; quarters of the way at most every ten seconds a job; places only
 * when they matter (three or nearer). Failures are told by their card's own alert, where it is shown.
 */
import { currentWords } from '../i18n';
import { announce, announceEnd, announceProgress } from '../stores/announcer';
import { openConversationId, useChatStore } from '../stores/chatStore';
import { useImageJobsStore } from '../stores/imageJobsStore';
import type { LiveJob } from '../stores/liveJobs';

const NEAR = 3;

export function startAnnouncing(): () => void {
  return useImageJobsStore.subscribe((state, before) => {
    if (state.queue?.held && before.queue && !before.queue.held) announce(currentWords().t.saidHeld);
    if (state.jobs === before.jobs) return;
    for (const [id, live] of Object.entries(state.jobs)) {
      const prev = before.jobs[id];
      if (live !== prev) tell(live, prev);
    }
  });
}

function tell(live: LiveJob, prev: LiveJob | undefined): void {
  const { job } = live;
  if (!prev) tellArrival(live);
  else if (job.status !== prev.job.status) tellStatus(live);
  else if (job.status === 'processing') tellQuarter(live, prev);
  else if (job.status === 'queued') tellPlace(live, prev);
}

function tellArrival({ job, stale }: LiveJob): void {
  if (job.status === 'queued' && !stale) announce(currentWords().t.saidSubmitted(placeSentence(job.queue_position)));
}

function tellStatus({ job }: LiveJob): void {
  const { t, error } = currentWords();
  const isShown = job.conversation_id === openConversationId(useChatStore.getState());
  if (job.status === 'error' && !isShown) announceEnd(job.job_id, `${job.prompt}: ${error(job.error_code, job.error)}`);
  if (job.status === 'complete') announceEnd(job.job_id, t.saidReady(job.prompt));
  if (job.status === 'cancelled') announceEnd(job.job_id, t.saidCancelled);
  if (job.status === 'processing') announceProgress(job.job_id, t.starting);
  if (job.status === 'queued') announceProgress(job.job_id, placeSentence(job.queue_position));
}

function tellQuarter(live: LiveJob, prev: LiveJob): void {
  const quarter = Math.floor(live.job.progress / 25);
  if (quarter === Math.floor(prev.job.progress / 25) || quarter === 0 || quarter === 4) return;
  const { t, percent } = currentWords();
  announceProgress(live.job.job_id, t.saidProgress(percent(quarter * 25)));
}

function tellPlace(live: LiveJob, prev: LiveJob): void {
  const place = live.job.queue_position;
  if (place === prev.job.queue_position || place === 0 || place > NEAR) return;
  announceProgress(live.job.job_id, placeSentence(place));
}

function placeSentence(position: number): string {
  const { t, number } = currentWords();
  if (position <= 0) return '';
  return position === 1 ? t.youAreNext : t.beforeYou(number(position - 1));
}
