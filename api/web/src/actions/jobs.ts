/**
 * What a person does to a job: cancel, try again.
 *
 * Rule: the card answers at once, the server decides. A refusal ("it has just finished") means
 * that we are behind, so the job is asked for.
 */
import { asApiError } from '../api/client';
import { cancelJob, cancelWaiting, getStatus, retryJob } from '../api/routes';
import type { Job } from '../api/types';
import { currentWords } from '../i18n';
import { activeJobs, useImageJobsStore } from '../stores/imageJobsStore';
import { complain } from './complain';
import { askFor, takeJobs } from './intake';

export async function cancel(id: string): Promise<void> {
  const { markCancelling } = useImageJobsStore.getState();
  markCancelling(id, true);
  try {
    takeJobs([await cancelJob(id)]);
  } catch (error) {
    markCancelling(id, false);
    complain(error);
    await askFor([id]);
  }
}

export async function cancelAllWaiting(): Promise<void> {
  const waiting = activeJobs(useImageJobsStore.getState()).filter((live) => live.job.status === 'queued');
  const ids = waiting.map((live) => live.job.job_id);
  const { markCancelling } = useImageJobsStore.getState();
  for (const id of ids) markCancelling(id, true);
  try {
    await cancelWaiting();
    await letGo(ids);
  } catch (error) {
    for (const id of ids) markCancelling(id, false);
    complain(error);
  }
}

/** What was claimed before the cancel came waits no longer: it goes on, and can be cancelled by itself. */
async function letGo(marked: readonly string[]): Promise<void> {
  const { jobs } = await getStatus();
  takeJobs(jobs);
  const goesOn = jobs.filter((job) => marked.includes(job.job_id) && !job.cancel_requested);
  for (const job of goesOn) useImageJobsStore.getState().markCancelling(job.job_id, false);
}

/** Returns why not, or null: the caller shows it beside the button. */
export async function retry(job: Job): Promise<string | null> {
  try {
    takeJobs([await retryJob(job.job_id)]);
    return null;
  } catch (error) {
    await askFor([job.job_id]);
    const { code, said } = asApiError(error);
    return currentWords().error(code, said);
  }
}
