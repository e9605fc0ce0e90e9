/**
 * One line at the top when something is out of the ordinary, the most important first.
 *
 * Rule: a short interruption is not worth a word: it is told after two seconds, and then stays long
 * enough to be read.
 */
import type { ReactNode } from 'react';
import { retryNow } from '../hooks/useWebSocket';
import { useNow } from '../hooks/useNow';
import { useSettled } from '../hooks/useSettled';
import { useWords } from '../i18n';
import { useConnectionStore } from '../stores/connectionStore';
import { useImageJobsStore } from '../stores/imageJobsStore';
import { useSessionStore } from '../stores/sessionStore';
import { Button } from './Button';
import { Icon, type IconName } from './Icon';
import { SessionEnded } from './SignIn';

const AFTER_MS = 2000;
const FOR_MS = 1000;

export function Banner() {
  const { t } = useWords();
  const expired = useSessionStore((state) => state.state === 'expired');
  const online = useConnectionStore((state) => state.online);
  const tooMany = useConnectionStore((state) => state.tooMany);
  const away = useConnectionStore((state) => state.phase !== 'open' && state.phase !== 'idle');
  const lost = useSettled(away && !expired, AFTER_MS, FOR_MS);
  const held = useImageJobsStore((state) => state.queue?.held === true);
  const paused = useImageJobsStore((state) => state.queue?.paused === true);
  const line = ((): ReactNode => {
    if (expired) return <SessionEnded />;
    if (!online) return <Line icon="cloudOff"><p>{t.offline}</p></Line>;
    if (lost) return tooMany ? <TooMany /> : <Reconnecting />;
    if (held) return <Held />;
    return paused && <Line icon="pause"><p>{t.pausedLine}</p></Line>;
  })();
  return <div className="banners">{line}</div>;
}

export function Line({ icon, tone = 'calm', children }: { icon: IconName; tone?: 'calm' | 'warn'; children: ReactNode }) {
  return (
    <div className="banner" data-tone={tone} role="status">
      <Icon name={icon} />
      {children}
    </div>
  );
}

function Reconnecting() {
  const { t } = useWords();
  const phase = useConnectionStore((state) => state.phase);
  return (
    <Line icon="cloudOff" tone="warn">
      <p>
        {t.reconnecting}
        <Countdown />
      </p>
      {phase === 'waiting' && <Button onClick={retryNow}>{t.tryNow}</Button>}
    </Line>
  );
}

/** Counted for the eye only: a screen reader would hear every second. */
function Countdown() {
  const { countdown } = useWords();
  const retryAt = useConnectionStore((state) => state.retryAt);
  const now = useNow(retryAt !== null);
  if (retryAt === null || retryAt <= now) return null;
  return <span aria-hidden="true"> ({countdown((retryAt - now) / 1000)})</span>;
}

function TooMany() {
  const { t } = useWords();
  return (
    <Line icon="alert" tone="warn">
      <p>{t.tooManyPages}</p>
      <Button onClick={retryNow}>{t.tryNow}</Button>
    </Line>
  );
}

function Held() {
  const { t, countdown } = useWords();
  const retryAt = useImageJobsStore((state) => state.queue?.retry_at ?? null);
  const now = useNow(retryAt !== null) + useConnectionStore((state) => state.clockAheadMs);
  const left = retryAt === null ? 0 : (Date.parse(retryAt) - now) / 1000;
  return (
    <Line icon="pause" tone="warn">
      <p>
        {t.heldLine}
        {left > 0 && <span aria-hidden="true"> {t.heldRetry(countdown(left))}</span>}
      </p>
    </Line>
  );
}
