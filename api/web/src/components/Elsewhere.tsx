/** My unfinished pictures of other conversations: one thin row each, and the way to them. */
import { openConversation } from '../actions/conversations';
import { cancel } from '../actions/jobs';
import { useWords } from '../i18n';
import { openConversationId, useChatStore } from '../stores/chatStore';
import { focusPrompt } from '../stores/composerStore';
import { hasNews, useConnectionStore } from '../stores/connectionStore';
import { activeJobs, useImageJobsStore } from '../stores/imageJobsStore';
import type { LiveJob, LiveJobs } from '../stores/liveJobs';
import { calculateQueuePosition } from '../stores/queuePosition';
import { IconButton } from './Button';
import { cardStatus, statusLine } from './cardView';
import { ProgressBar } from './ProgressBar';

export function Elsewhere() {
  const { t } = useWords();
  const open = useChatStore(openConversationId);
  const jobs = useImageJobsStore((state) => state.jobs);
  const elsewhere = activeJobs({ jobs }).filter((live) => live.job.conversation_id !== open);
  if (elsewhere.length === 0) return null;
  return (
    <section className="elsewhere" aria-label={t.elsewhere}>
      <h2>{t.elsewhere}</h2>
      <ul>
        {elsewhere.map((live) => (
          <Row key={live.job.job_id} live={live} jobs={jobs} />
        ))}
      </ul>
    </section>
  );
}

function Row({ live, jobs }: { live: LiveJob; jobs: LiveJobs['jobs'] }) {
  const words = useWords();
  const { t } = words;
  const { job } = live;
  const queue = useImageJobsStore((state) => state.queue);
  const connected = useConnectionStore(hasNews);
  const place = calculateQueuePosition(jobs, job.job_id, connected);
  const status = cardStatus(words, live, queue, place);
  const text = statusLine(words, status);
  const { phase } = status;
  const over = phase === 'cancelling';
  return (
    <li className="elsewhere-row" ref={handOn}>
      <button type="button" className="elsewhere-open" title={t.openConversation(job.prompt)} onClick={() => openConversation(job.conversation_id)}>
        <span className="elsewhere-prompt">{job.prompt}</span>
        <span className="elsewhere-status">{text}</span>
      </button>
      <ProgressBar prompt={job.prompt} percent={status.percent} text={text} still={phase === 'held' || phase === 'paused' || !connected} />
      <IconButton icon="close" label={t.cancel} aria-disabled={over} onClick={() => void (over || cancel(job.job_id))} />
    </li>
  );
}

/** The row that goes hands the keyboard on to the next one, or to where a prompt is typed; a finger asked for none. */
function handOn(row: HTMLLIElement | null): () => void {
  return () => {
    if (!row?.querySelector(':focus-visible')) return;
    const next = (row.nextElementSibling ?? row.previousElementSibling)?.querySelector('button');
    if (next) next.focus();
    else focusPrompt();
  };
}
