/**
 * Who is here: asked once at the start, given up on the first 401, taken up again after signing in.
 *
 * Rule: losing the session takes nothing off the screen; only signing out does.
 */
import { ApiError, whenUnauthenticated } from '../api/client';
import { closeSession, getMe, getOptions, openSession } from '../api/routes';
import type { Me } from '../api/types';
import { useChatStore } from '../stores/chatStore';
import { useComposerStore } from '../stores/composerStore';
import { useImageJobsStore } from '../stores/imageJobsStore';
import { clearJobs, readJobs } from '../stores/jobsCache';
import { useSessionStore } from '../stores/sessionStore';
import { loadConversations, refreshOpen, viewOfAddress } from './conversations';

const TRY_AGAIN_MS = 2000;
const RETURN_EVERY_MS = 60_000;

let returnedAt = Number.NEGATIVE_INFINITY;

/** Find out who is here; goes on asking while the server cannot be reached. */
export async function begin(): Promise<void> {
  whenUnauthenticated((error) => useSessionStore.getState().lost(error.extra.loginUrl ?? null));
  try {
    enter(await getMe());
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return;
    useSessionStore.getState().unreachable();
    setTimeout(() => void begin(), TRY_AGAIN_MS);
  }
}

/** Returns whether the token was accepted. */
export async function signIn(token: string): Promise<boolean> {
  try {
    enter(await openSession(token));
    return true;
  } catch {
    return false;
  }
}

export async function signOut(): Promise<void> {
  const { me, signedOut } = useSessionStore.getState();
  await closeSession();
  signedOut();
  if (me) clearJobs(me.user_id);
  forgetEverything();
}

/**
 * The socket was closed with 4401: `GET /me` says where to sign in, or that the cookie is good
 * after all (renewed in another tab). That is believed once a minute, so nothing can run in circles.
 */
export async function sessionRefused(now = Date.now()): Promise<void> {
  useSessionStore.getState().lost(null);
  try {
    const me = await getMe();
    if (now - returnedAt < RETURN_EVERY_MS) return;
    returnedAt = now;
    enter(me);
  } catch {
    // a 401 has told the session store already, with the address to sign in at
  }
}

function enter(me: Me): void {
  const before = useSessionStore.getState();
  const someoneElse = before.me !== null && before.me.user_id !== me.user_id;
  if (someoneElse) forgetEverything();
  const isReturn = before.me !== null && !someoneElse;
  before.signedIn(me);
  if (!isReturn) showCached(me.user_id);
  void loadOptions();
  if (isReturn) void refreshOpen();
  else void loadConversations();
}

/** Cards of unfinished jobs before the network answers; whatever it says replaces them. */
function showCached(userId: string): void {
  const cached = readJobs(userId);
  useImageJobsStore.getState().restore(cached);
  useChatStore.getState().takeJobs(cached);
}

async function loadOptions(): Promise<void> {
  try {
    useComposerStore.getState().setOptions(await getOptions());
  } catch {
    // the composer works without: the server fills in its defaults
  }
}

function forgetEverything(): void {
  useImageJobsStore.getState().reset();
  useChatStore.getState().reset();
  useComposerStore.getState().setDraft('');
  useChatStore.getState().show(viewOfAddress());
}
