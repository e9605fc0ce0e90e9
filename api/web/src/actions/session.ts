/**
 * Who is here: asked once at the start, given up on the first 401, taken up again after signing in.
 *
 * Rule: losing the session takes nothing off the screen; only signing out does, and somebody else who
 * signs in. Nothing of who was here is shown to the next one, or sent for them; what they had not sent
 * yet waits for them, unless they signed out.
 */
import { abandonCalls, type ApiError, asApiError, whenUnauthenticated } from '../api/client';
import { closeSession, getMe, openSession } from '../api/routes';
import type { Me } from '../api/types';
import { attempt } from '../stores/attempt';
import { useChatStore } from '../stores/chatStore';
import { useComposerStore } from '../stores/composerStore';
import { useImageJobsStore } from '../stores/imageJobsStore';
import { clearJobs, readJobs } from '../stores/jobsCache';
import { useSessionStore } from '../stores/sessionStore';
import { complain } from './complain';
import { forgetAddress, loadConversations, refreshOpen, viewOfAddress } from './conversations';
import { whenNewcomer } from './intake';
import { loadOptions } from './options';
import { admit, releaseOvertaking, whenArrived } from './overtaking';
import { forgetSubmissions, resend, restoreUnsent, sendOn } from './submit';

const TRY_AGAIN_MS = 2000;
const RETURN_EVERY_MS = 60_000;
/** Where the pages of one browser tell each other who is here. */
const HERE = 'forgeline:user';

let returnedAt = Number.NEGATIVE_INFINITY;

/** Find out who is here; goes on asking while the server cannot be reached. */
export async function begin(): Promise<void> {
  whenUnauthenticated((error) => useSessionStore.getState().lost(error.extra.loginUrl ?? null));
  whenNewcomer(enter);
  whenArrived(resend);
  addEventListener('storage', onStorage);
  try {
    enter(await getMe());
  } catch (error) {
    const { status, code } = asApiError(error);
    if (status === 401 || code === 'abandoned') return;
    useSessionStore.getState().unreachable();
    setTimeout(() => void begin(), TRY_AGAIN_MS);
  }
}

function onStorage({ key }: StorageEvent): void {
  if (key === HERE) void lookAgain();
}

/**
 * Who is here may have changed, and what they have: another page of this browser may have signed in
 * or deleted something. The socket of who was here before speaks on, so somebody else starts anew.
 */
export async function lookAgain(): Promise<void> {
  const me = await getMe().catch(() => null);
  const { me: before } = useSessionStore.getState();
  if (me === null) return;
  if (before === null || before.user_id === me.user_id) return enter(me);
  makeRoom(before);
  location.reload();
}

/** Returns why not, or null: the caller shows it beside the field. */
export async function signIn(token: string): Promise<ApiError | null> {
  try {
    enter(await openSession(token));
    return null;
  } catch (error) {
    return asApiError(error);
  }
}

/** Everything stays while the server cannot be told: its cookie would still open the page. */
export async function signOut(): Promise<void> {
  try {
    await closeSession();
  } catch (error) {
    complain(error);
    return;
  }
  const { me, signedOut } = useSessionStore.getState();
  if (me) clearJobs(me.user_id);
  forgetEverything();
  signedOut();
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
  const { me: before, signedIn } = useSessionStore.getState();
  const isReturn = before?.user_id === me.user_id;
  if (before !== null && !isReturn) makeRoom(before);
  else if (!isReturn) startEmpty();
  signedIn(me);
  attempt(() => localStorage.setItem(HERE, me.user_id));
  if (isReturn) {
    sendOn();
    return void refreshOpen();
  }
  void loadOptions();
  restoreUnsent(me.user_id);
  showCached(me.user_id);
  useComposerStore.getState().takeUp(me.user_id);
  void loadConversations();
}

/** Jobs and messages of this person alone; the draft and the address may have brought them here. */
function startEmpty(): void {
  useImageJobsStore.getState().reset();
  useChatStore.getState().reset();
  useChatStore.getState().show(viewOfAddress());
}

/** Cards of unfinished jobs before the network answers; whatever it says replaces them. */
function showCached(userId: string): void {
  const cached = admit(readJobs(userId));
  useImageJobsStore.getState().restore(cached);
  useChatStore.getState().takeJobs(cached);
}

/** Somebody else signed in: nobody is here while the page is emptied, so what was not sent stays kept. */
function makeRoom({ user_id }: Me): void {
  clearJobs(user_id);
  useComposerStore.getState().putAside(user_id);
  useSessionStore.getState().signedOut();
  forgetEverything();
}

function forgetEverything(): void {
  abandonCalls();
  forgetSubmissions();
  releaseOvertaking();
  useComposerStore.getState().forget();
  forgetAddress();
  startEmpty();
}
