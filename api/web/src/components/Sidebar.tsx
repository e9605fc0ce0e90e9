/** Conversations: begin a new one, open one, delete one. */
import { useState } from 'react';
import { loadMoreConversations, openConversation, openNew, removeConversation } from '../actions/conversations';
import { signOut } from '../actions/session';
import type { Conversation } from '../api/types';
import { useWords } from '../i18n';
import { openConversationId, useChatStore } from '../stores/chatStore';
import { focusPrompt } from '../stores/composerStore';
import { activeJobs, useImageJobsStore } from '../stores/imageJobsStore';
import { useSessionStore } from '../stores/sessionStore';
import { Button, IconButton } from './Button';

/** `onChosen` closes the drawer on a small screen. */
export function Sidebar({ open, onChosen }: { open: boolean; onChosen: () => void }) {
  const { t } = useWords();
  const begin = (): void => {
    openNew();
    onChosen();
    focusPrompt();
  };
  return (
    <nav className="sidebar" id="sidebar" aria-label={t.conversations} data-open={open}>
      <Button look="outline" icon="plus" className="new-button" onClick={begin}>
        {t.newConversation}
      </Button>
      <List onChosen={onChosen} />
      <Account />
    </nav>
  );
}

function List({ onChosen }: { onChosen: () => void }) {
  const { t } = useWords();
  const conversations = useChatStore((state) => state.conversations);
  const loaded = useChatStore((state) => state.listLoading === 'loaded');
  const more = useChatStore((state) => state.nextCursor !== null);
  if (loaded && conversations.length === 0) return <p className="sidebar-empty">{t.noConversations}</p>;
  return (
    <div className="conversations">
      <ul>
        {conversations.map((conversation) => (
          <Row key={conversation.id} conversation={conversation} onChosen={onChosen} />
        ))}
      </ul>
      {more && <Button onClick={() => void loadMoreConversations()}>{t.moreConversations}</Button>}
    </div>
  );
}

function Row({ conversation, onChosen }: { conversation: Conversation; onChosen: () => void }) {
  const { t, number, moment } = useWords();
  const { id } = conversation;
  const [asking, setAsking] = useState<'not yet' | 'asking' | 'kept'>('not yet');
  const isOpen = useChatStore((state) => openConversationId(state) === id);
  const unfinished = useImageJobsStore((state) => activeJobs(state).filter((live) => live.job.conversation_id === id).length);
  const title = conversation.title || t.untitled;
  if (asking === 'asking') return <DeleteQuestion id={id} title={title} onKeep={() => setAsking('kept')} />;
  const choose = (): void => {
    openConversation(id);
    onChosen();
  };
  return (
    <li className="conversation" data-open={isOpen}>
      <button type="button" className="conversation-open" aria-current={isOpen ? 'page' : undefined} title={moment(conversation.updated_at)} onClick={choose}>
        <span className="conversation-title">{title}</span>
        {unfinished > 0 && (
          <span className="conversation-busy">
            <span className="sr-only">{t.unfinishedHere(number(unfinished))}</span>
          </span>
        )}
      </button>
      <IconButton
        icon="trash"
        className="conversation-delete"
        label={t.deleteConversation(title)}
        ref={asking === 'kept' ? focusIt : undefined}
        onClick={() => setAsking('asking')}
      />
    </li>
  );
}

function DeleteQuestion({ id, title, onKeep }: { id: string; title: string; onKeep: () => void }) {
  const { t } = useWords();
  return (
    <li className="conversation-question">
      <p className="conversation-title">{title}</p>
      <p>{t.deleteQuestion}</p>
      <Button look="danger" onClick={(event) => void removeRow(id, event.currentTarget.closest('li'), onKeep)}>
        {t.deleteYes}
      </Button>
      {/* the question replaced the focused button, so the focus goes to the harmless answer */}
      <Button look="outline" ref={focusIt} onClick={onKeep}>
        {t.deleteNo}
      </Button>
    </li>
  );
}

/** Delete; the keyboard goes on at the next conversation, or where a new one begins. */
async function removeRow(id: string, row: Element | null, onKeep: () => void): Promise<void> {
  const next = row?.nextElementSibling ?? null;
  if (!(await removeConversation(id))) return onKeep();
  const focused = document.activeElement;
  const isLost = focused === null || focused === document.body || row?.contains(focused);
  if (isLost) (next?.querySelector('button') ?? document.querySelector<HTMLElement>('.new-button'))?.focus();
}

function focusIt(element: HTMLButtonElement | null): void {
  element?.focus();
}

function Account() {
  const { t } = useWords();
  const me = useSessionStore((state) => state.me);
  if (!me || me.auth_mode === 'local') return null;
  return (
    <div className="account">
      <p title={t.signedInAs(me.username ?? me.user_id)}>{me.username ?? me.user_id}</p>
      <IconButton icon="leave" label={t.signOut} onClick={() => void signOut()} />
    </div>
  );
}
