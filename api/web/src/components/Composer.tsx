/**
 * Where a picture begins: the prompt, its size, its settings, and the button.
 *
 * Rule: Enter sends, Shift + Enter breaks the line, and Enter that ends a composition (Japanese,
 * Chinese, Korean input) does neither. What was typed is never lost.
 */
import { type FormEvent, type KeyboardEvent, useState } from 'react';
import { submitDraft } from '../actions/submit';
import { useNow } from '../hooks/useNow';
import { useWords } from '../i18n';
import { useComposerStore } from '../stores/composerStore';
import { useConnectionStore } from '../stores/connectionStore';
import { useSessionStore } from '../stores/sessionStore';
import { ComposerNotice } from './ComposerNotice';
import { Icon } from './Icon';
import { SettingsButton, SettingsPanel } from './SettingsPanel';
import { SizePicker } from './SizePicker';

const DEFAULT_MAX_CHARS = 2000;
/** The number of characters left is worth showing from here on. */
const FEW_LEFT = 200;

export function Composer() {
  const { t } = useWords();
  const [settingsOpen, setSettingsOpen] = useState(false);
  const blocked = useBlocked();
  const send = (event?: FormEvent): void => {
    event?.preventDefault();
    if (!blocked) void submitDraft();
  };
  return (
    <form className="composer" aria-label={t.composerLabel} onSubmit={send}>
      <ComposerNotice />
      <div className="composer-box">
        <PromptField onSend={send} />
        {settingsOpen && <SettingsPanel />}
        <div className="composer-row">
          <SizePicker />
          <SettingsButton open={settingsOpen} onToggle={() => setSettingsOpen(!settingsOpen)} />
          <CharsLeft />
          <SendButton blocked={blocked} />
        </div>
      </div>
      {blocked === 'offline' && <p className="composer-hint">{t.cannotSendOffline}</p>}
      {blocked === 'signed_out' && <p className="composer-hint">{t.cannotSendSignedOut}</p>}
    </form>
  );
}

type Blocked = 'offline' | 'signed_out' | 'waiting' | 'too_long' | null;

/** Why nothing can be sent right now, or null. */
function useBlocked(): Blocked {
  const until = useComposerStore((state) => state.notice?.until ?? null);
  const online = useConnectionStore((state) => state.online);
  const session = useSessionStore((state) => state.state);
  const now = useNow(until !== null);
  const over = useCharsLeft() < 0;
  if (session === 'expired' || session === 'signed_out') return 'signed_out';
  if (!online) return 'offline';
  if (over) return 'too_long';
  return until !== null && until > now ? 'waiting' : null;
}

function PromptField({ onSend }: { onSend: () => void }) {
  const { t } = useWords();
  const draft = useComposerStore((state) => state.draft);
  const setDraft = useComposerStore((state) => state.setDraft);
  const onKeyDown = (event: KeyboardEvent): void => {
    // 229: Safari ends a composition with an Enter that no longer says it is composing
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    onSend();
  };
  return (
    <textarea
      id="prompt"
      className="prompt-field"
      rows={1}
      aria-label={t.promptLabel}
      placeholder={t.promptPlaceholder}
      title={t.sendHint}
      value={draft}
      onChange={(event) => setDraft(event.target.value)}
      onKeyDown={onKeyDown}
      aria-describedby="chars"
      aria-invalid={useCharsLeft() < 0}
      enterKeyHint="send"
      autoComplete="off"
    />
  );
}

function useCharsLeft(): number {
  const max = useComposerStore((state) => state.options?.limits.max_prompt_chars ?? DEFAULT_MAX_CHARS);
  const used = useComposerStore((state) => [...state.draft.trim()].length);
  return max - used;
}

function CharsLeft() {
  const { t, number } = useWords();
  const left = useCharsLeft();
  const words = left < 0 ? t.charsOver(number(-left)) : t.charsLeft(number(left));
  return (
    <span className="chars" id="chars" data-over={left < 0}>
      {left <= FEW_LEFT && words}
    </span>
  );
}

function SendButton({ blocked }: { blocked: Blocked }) {
  const { t } = useWords();
  const empty = useComposerStore((state) => state.draft.trim() === '');
  return (
    <button
      type="submit"
      className="send"
      aria-label={t.send}
      title={t.send}
      disabled={empty || blocked !== null}
    >
      <Icon name="send" />
    </button>
  );
}
