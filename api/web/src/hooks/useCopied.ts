/** Copying with an answer: `copied` or `failed` for two seconds after the click, and said aloud. */
import { useEffect, useState } from 'react';
import { currentWords } from '../i18n';
import { announce } from '../stores/announcer';

export type CopyState = 'idle' | 'copied' | 'failed';

const SHOWN_MS = 2000;

export function useCopied(): [CopyState, (content: string | (() => Promise<void>)) => void] {
  const [state, setState] = useState<CopyState>('idle');
  useEffect(() => {
    if (state === 'idle') return undefined;
    announce(state === 'copied' ? currentWords().t.copied : currentWords().t.copyFailed);
    const timer = setTimeout(() => setState('idle'), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = (content: string | (() => Promise<void>)): void => {
    const action = typeof content === 'string' ? writeText(content) : content();
    action.then(
      () => setState('copied'),
      () => setState('failed'),
    );
  };
  return [state, copy];
}

async function writeText(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
}
