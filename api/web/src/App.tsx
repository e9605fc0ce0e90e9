/** The page: what is shown to whom, and what runs as long as it is open. */
import { domMin, LazyMotion, MotionConfig } from 'framer-motion';
import { type MouseEvent, useEffect, useState } from 'react';
import { followAddress } from './actions/conversations';
import { begin } from './actions/session';
import { Announcer } from './components/Announcer';
import { Banner } from './components/Banner';
import { Composer } from './components/Composer';
import { Elsewhere } from './components/Elsewhere';
import { Examples, Greeting } from './components/Greeting';
import { Header } from './components/Header';
import { QueueLine } from './components/QueueLine';
import { Sidebar } from './components/Sidebar';
import { SignInPage, Unreachable } from './components/SignIn';
import { Stream, useTurns } from './components/Stream';
import { useWebSocket } from './hooks/useWebSocket';
import { useWords } from './i18n';
import { startAnnouncing } from './presence/announcements';
import { startTab } from './presence/tab';
import { useChatStore } from './stores/chatStore';
import { focusPrompt } from './stores/composerStore';
import { useConnectionStore } from './stores/connectionStore';
import { keepJobsCached } from './stores/jobsCache';
import { useSessionStore } from './stores/sessionStore';
import { keepUnsent } from './stores/unsent';

export function App() {
  const session = useSessionStore((state) => state.state);
  useWebSocket(session === 'signed_in');
  usePageLife();
  const inside = session === 'signed_in' || session === 'expired';
  return (
    <LazyMotion features={domMin} strict>
      <MotionConfig reducedMotion="user">
        {inside ? <Studio /> : <Outside />}
        <Announcer />
      </MotionConfig>
    </LazyMotion>
  );
}

function Studio() {
  const { t } = useWords();
  const [menuOpen, setMenuOpen] = useState(false);
  // the drawer takes the focus with it; where there is none its button cannot be focused either
  const close = (): void => {
    setMenuOpen(false);
    document.querySelector<HTMLElement>('.menu-button')?.focus();
  };
  const skip = (event: MouseEvent): void => {
    event.preventDefault();
    focusPrompt();
  };
  return (
    <div className="studio" data-menu={menuOpen}>
      <a className="skip" href="#prompt" onClick={skip}>
        {t.skipToComposer}
      </a>
      <Header onMenu={() => setMenuOpen(!menuOpen)} menuOpen={menuOpen} />
      <Sidebar open={menuOpen} onChosen={close} />
      {menuOpen && <button type="button" className="scrim" aria-label={t.hideConversations} onClick={close} />}
      <Stage />
    </div>
  );
}

function Stage() {
  const { t } = useWords();
  const empty = useIsEmpty();
  return (
    <main className="stage" data-empty={empty}>
      {!empty && <h1 className="sr-only">{t.composerLabel}</h1>}
      <Banner />
      {empty ? <Greeting /> : <Stream />}
      <div className="dock">
        <Elsewhere />
        <QueueLine />
        <Composer />
        {empty && <Examples />}
      </div>
    </main>
  );
}

/** Nothing asked for yet: a new conversation, or the very first visit. */
function useIsEmpty(): boolean {
  const view = useChatStore((state) => state.view.kind);
  const listed = useChatStore((state) => state.listLoading === 'loaded' || state.listLoading === 'failed');
  const turns = useTurns().length;
  return turns === 0 && (view === 'new' || (view === 'auto' && listed));
}

function Outside() {
  const session = useSessionStore((state) => state.state);
  return (
    <div className="outside">
      <Header onMenu={null} menuOpen={false} />
      <main className="stage" aria-busy={session === 'loading'}>
        {session === 'signed_out' && <SignInPage />}
        {session === 'unreachable' && <Unreachable />}
      </main>
    </div>
  );
}

function usePageLife(): void {
  const user = useSessionStore((state) => state.me?.user_id);
  useEffect(() => {
    const setOnline = (): void => useConnectionStore.getState().setOnline(navigator.onLine);
    addEventListener('online', setOnline);
    addEventListener('offline', setOnline);
    const stops = [followAddress(), startAnnouncing(), startTab(), keepUnsent()];
    void begin();
    return () => {
      removeEventListener('online', setOnline);
      removeEventListener('offline', setOnline);
      stops.forEach((stop) => stop());
    };
  }, []);
  useEffect(() => (user === undefined ? undefined : keepJobsCached(user)), [user]);
}
