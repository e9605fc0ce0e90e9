/** What the server offers: asked for until it answers, and again when it may have changed. */
import { getOptions } from '../api/routes';
import { useComposerStore } from '../stores/composerStore';
import { useSessionStore } from '../stores/sessionStore';

const TRY_AGAIN_MS = 5000;
let timer: ReturnType<typeof setTimeout> | undefined;

export async function loadOptions(): Promise<void> {
  clearTimeout(timer);
  if (useSessionStore.getState().state !== 'signed_in') return;
  try {
    useComposerStore.getState().setOptions(await getOptions());
  } catch {
    // the composer works without: the server fills in its defaults
    timer = setTimeout(() => void loadOptions(), TRY_AGAIN_MS);
  }
}
