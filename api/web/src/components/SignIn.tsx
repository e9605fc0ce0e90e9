/** Signing in: to the address the operator named, or with a pasted token. */
import { type FormEvent, useId, useState } from 'react';
import { createPortal } from 'react-dom';
import { signIn } from '../actions/session';
import type { ApiError } from '../api/client';
import { useWords } from '../i18n';
import { focusPrompt } from '../stores/composerStore';
import { useSessionStore } from '../stores/sessionStore';
import { Button } from './Button';
import { Icon } from './Icon';

/** What is said of the token itself; everything else is said of the way to the server. */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403, 422]);

/** The whole page, for who has not been here yet. */
export function SignInPage() {
  const { t } = useWords();
  return (
    <div className="sign-in">
      <h1>{t.signInTitle}</h1>
      <p>{t.brandTagline}</p>
      <SignInWays />
    </div>
  );
}

/** The banner, for who was here a moment ago; everything stays on screen. */
export function SessionEnded() {
  const { t } = useWords();
  const [asking, setAsking] = useState(false);
  const loginUrl = useSessionStore((state) => state.loginUrl);
  return (
    <div className="banner" data-tone="warn" role="alert">
      <Icon name="leave" />
      <p>{t.sessionEnded}</p>
      {loginUrl ? (
        <LoginLink address={loginUrl} />
      ) : (
        <Button look="solid" ref={focusIt} onClick={() => setAsking(true)}>
          {t.signIn}
        </Button>
      )}
      {asking && <TokenDialog onClosed={() => setAsking(false)} />}
    </div>
  );
}

function SignInWays() {
  const loginUrl = useSessionStore((state) => state.loginUrl);
  return loginUrl ? <LoginLink address={loginUrl} /> : <TokenForm />;
}

function LoginLink({ address }: { address: string }) {
  const { t } = useWords();
  return (
    <a className="button button-solid" href={address} title={t.signInLink} ref={focusIt}>
      {t.signIn}
    </a>
  );
}

/** At the end of the page, so that the composer stays its first field. */
function TokenDialog({ onClosed }: { onClosed: () => void }) {
  const { t } = useWords();
  return createPortal(
    <dialog ref={openIt} className="sign-in-dialog" aria-labelledby="sign-in-title" onClose={onClosed}>
      <h2 id="sign-in-title">{t.signInTitle}</h2>
      <TokenForm />
      <form method="dialog">
        <button type="submit" className="button button-plain">
          {t.close}
        </button>
      </form>
    </dialog>,
    document.body,
  );
}

/** Who has signed in goes on at the prompt; who only closed it, where they were. */
function openIt(dialog: HTMLDialogElement): () => void {
  dialog.showModal();
  return () => {
    if (!dialog.open) return;
    dialog.close();
    focusPrompt();
  };
}

/** Who is typing goes on typing. */
function focusIt(element: HTMLElement | null): void {
  if (!document.activeElement?.matches('input, textarea')) element?.focus();
}

function TokenForm() {
  const { t, error } = useWords();
  const id = useId();
  const [token, setToken] = useState('');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<ApiError | null>(null);
  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (!token.trim() || busy) return;
    setBusy(true);
    setFault(await signIn(token.trim()));
    setBusy(false);
  };
  const refused = fault !== null && REFUSALS.has(fault.status);
  const trouble = refused ? t.tokenRefused : fault && error(fault.code, fault.said);
  return (
    <form className="token-form" aria-label={t.signIn} onSubmit={(event) => void send(event)}>
      <label htmlFor={id}>{t.token}</label>
      <div className="token-row">
        <input
          id={id}
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={token}
          aria-invalid={refused}
          aria-describedby={`${id}-hint`}
          onChange={(event) => setToken(event.target.value)}
        />
        <SubmitToken busy={busy} />
      </div>
      <p id={`${id}-hint`} className="field-hint" data-bad={trouble !== null} role={trouble === null ? undefined : 'alert'}>
        {trouble ?? t.signInHint}
      </p>
    </form>
  );
}

function SubmitToken({ busy }: { busy: boolean }) {
  const { t } = useWords();
  return (
    <button type="submit" className="button button-solid" aria-busy={busy}>
      {t.signIn}
    </button>
  );
}

/** The server does not answer at all; the page keeps asking. */
export function Unreachable() {
  const { t } = useWords();
  return (
    <div className="sign-in" role="status">
      <Icon name="cloudOff" />
      <p>{t.serverUnreachable}</p>
      <Button look="outline" icon="again" onClick={() => location.reload()}>
        {t.refresh}
      </Button>
    </div>
  );
}
