/** One turn of a conversation: the prompt, and below it the picture in whatever state it is. */
import * as m from 'framer-motion/m';
import { memo } from 'react';
import { resend } from '../actions/submit';
import { useWords } from '../i18n';
import type { Failure, PendingTurn, Turn } from '../stores/chatLogic';
import { useChatStore } from '../stores/chatStore';
import { Button } from './Button';
import { Icon } from './Icon';
import { ImageProgressCard } from './ImageProgressCard';
import { sizeStyle } from './PictureFrame';
import { ProgressBar } from './ProgressBar';

const ENTER = { opacity: 0, y: 8 };
const SHOWN = { opacity: 1, y: 0, transition: { duration: 0.18, ease: 'easeOut' } } as const;

export const TurnView = memo(function TurnView({ turn }: { turn: Turn }) {
  return (
    <m.article className="turn" initial={ENTER} animate={SHOWN} aria-label={turn.prompt}>
      {turn.prompt && <p className="prompt">{turn.prompt}</p>}
      {turn.bot && <BotPart turn={turn} />}
      {turn.pending && <PendingPart pending={turn.pending} />}
    </m.article>
  );
}, sameTurn);

/** Turns are made anew from the lists; their parts are not. */
function sameTurn(a: { turn: Turn }, b: { turn: Turn }): boolean {
  return a.turn.bot === b.turn.bot && a.turn.pending === b.turn.pending && a.turn.prompt === b.turn.prompt;
}

function BotPart({ turn }: { turn: Turn }) {
  const { bot } = turn;
  if (!bot) return null;
  const isText = !bot.job && !bot.content.startsWith('[IMAGE');
  return isText ? <p className="bot-text">{bot.content}</p> : <ImageProgressCard message={bot} />;
}

function PendingPart({ pending }: { pending: PendingTurn }) {
  const { t } = useWords();
  if (pending.failure !== null) return <UnsentCard pending={pending} failure={pending.failure} />;
  return (
    <div className="card" aria-busy="true" data-phase="sending">
      <div className="status-row">
        <p className="status">
          <span className="status-label">{t.sending}</span>
        </p>
      </div>
      <div className="frame" style={sizeStyle(pending.request)} data-shimmer="true">
        <ProgressBar prompt={pending.request.prompt} percent={null} text={t.sending} still={false} />
      </div>
    </div>
  );
}

function UnsentCard({ pending, failure }: { pending: PendingTurn; failure: Failure }) {
  const { t, error } = useWords();
  const drop = (): void => useChatStore.getState().dropPending(pending.key);
  return (
    <div className="card ended-card" data-kind="failed">
      <div className="ended-text" role="alert">
        <Icon name="alert" />
        <p>
          {t.notSent} {error(failure.code, failure.said)}
        </p>
      </div>
      <div className="ended-actions">
        <Button look="outline" icon="again" onClick={() => void resend(pending)}>
          {t.retry}
        </Button>
        <Button onClick={drop}>{t.discard}</Button>
      </div>
    </div>
  );
}
