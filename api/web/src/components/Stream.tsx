/**
 * The open conversation, and what stands in its place: greeting, skeleton, a reason.
 *
 * Rule: new things scroll into view only for who is at the end already; the others get a button.
 */
import { useMemo } from 'react';
import { loadMessages, loadOlderMessages, openNew } from '../actions/conversations';
import type { Message } from '../api/types';
import { useStickToEnd } from '../hooks/useStickToEnd';
import { useWords } from '../i18n';
import { turnsOf } from '../stores/chatLogic';
import { openConversationId, useChatStore } from '../stores/chatStore';
import { Button } from './Button';
import { TurnView } from './TurnView';

const NO_MESSAGES: readonly Message[] = [];

export function useTurns() {
  const open = useChatStore(openConversationId);
  const messages = useChatStore((state) => (open === null ? NO_MESSAGES : (state.messages[open] ?? NO_MESSAGES)));
  const pending = useChatStore((state) => state.pending);
  const keys = useChatStore((state) => state.keys);
  return useMemo(() => {
    const here = pending.filter((turn) => turn.home.conversationId === open);
    return turnsOf(messages, here, keys);
  }, [messages, pending, keys, open]);
}

export function Stream() {
  const { t } = useWords();
  const open = useChatStore(openConversationId);
  const turns = useTurns();
  const loading = useChatStore((state) => (open === null ? state.listLoading : (state.loading[open] ?? 'loading')));
  const { scroller, content, away, toEnd } = useStickToEnd(open ?? 'new', turns.at(-1)?.key ?? '');
  const busy = turns.length === 0 && (loading === 'loading' || loading === 'idle');
  return (
    <div className="stream-box">
      <div className="stream" ref={scroller} aria-busy={busy} data-testid="stream">
        <div className="stream-inner" ref={content}>
          {open !== null && <OlderButton id={open} />}
          {busy && <Skeleton />}
          {open !== null && turns.length === 0 && <Trouble id={open} loading={loading} />}
          {turns.map((turn) => (
            <TurnView key={turn.key} turn={turn} />
          ))}
        </div>
      </div>
      {away && (
        <Button look="outline" icon="down" className="to-end" onClick={toEnd}>
          {away === 'news' ? t.newPicture : t.scrollDown}
        </Button>
      )}
    </div>
  );
}

function OlderButton({ id }: { id: string }) {
  const { t } = useWords();
  const hasMore = useChatStore((state) => state.hasMore[id] === true);
  if (!hasMore) return null;
  return (
    <Button look="outline" className="older" onClick={(event) => void showOlder(id, event.currentTarget.nextElementSibling)}>
      {t.loadOlder}
    </Button>
  );
}

/** The turn that was the first stays in view: at the very top no browser keeps the place by itself. */
async function showOlder(id: string, first: Element | null): Promise<void> {
  await loadOlderMessages(id);
  first?.scrollIntoView({ block: 'nearest' });
}

function Skeleton() {
  const { t } = useWords();
  return (
    <div className="skeleton">
      <span className="sr-only">{t.loadingMessages}</span>
      <span className="skeleton-line" />
      <span className="skeleton-box" />
    </div>
  );
}

function Trouble({ id, loading }: { id: string; loading: string }) {
  const { t } = useWords();
  const missing = loading === 'missing';
  if (!missing && loading !== 'failed') return null;
  return (
    <div className="trouble" role="alert">
      <p>{missing ? t.conversationMissing : t.loadFailed}</p>
      <Button look="outline" icon={missing ? 'plus' : 'again'} onClick={() => void (missing ? openNew() : loadMessages(id))}>
        {missing ? t.newConversation : t.loadAgain}
      </Button>
    </div>
  );
}
