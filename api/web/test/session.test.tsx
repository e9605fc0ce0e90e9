import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { takeFrames } from '../src/actions/intake';
import { begin, signIn, signOut } from '../src/actions/session';
import { submitDraft } from '../src/actions/submit';
import { Banner } from '../src/components/Banner';
import { SignInPage } from '../src/components/SignIn';
import { useWebSocket } from '../src/hooks/useWebSocket';
import { usePreferences } from '../src/i18n';
import { useChatStore } from '../src/stores/chatStore';
import { useComposerStore } from '../src/stores/composerStore';
import { useConnectionStore } from '../src/stores/connectionStore';
import { useImageJobsStore } from '../src/stores/imageJobsStore';
import { useSessionStore } from '../src/stores/sessionStore';
import { drawing, job } from './jobs';

const anna = { user_id: 'anna', username: null, roles: [], auth_mode: 'jwt' as const };
const bert = { ...anna, user_id: 'bert' };
const line = { waiting: 0, processing: 0, held: false, paused: false, retry_at: null };

type Answer = Response | Promise<Response>;
let generates: (prompt: string) => Answer;
let cookie: string;
let sent: string[];

function answer(body: unknown, status = 200): Response {
  return new Response(status === 204 ? null : JSON.stringify(body), { status });
}

/** A server that knows who is here by a cookie. */
function serve(path: string, init: RequestInit = {}): Answer {
  if (path === '/session') {
    cookie = init.method === 'DELETE' ? '' : bert.user_id;
    return cookie ? answer(bert) : answer(null, 204);
  }
  if (path === '/me') return answer({ ...anna, user_id: cookie });
  if (path.startsWith('/conversations?')) return answer({ conversations: [], next_cursor: null });
  if (path !== '/image/generate') return answer({ code: 'not_found' }, 404);
  const { prompt } = JSON.parse(String(init.body)) as { prompt: string };
  sent.push(`${cookie}: ${prompt}`);
  return generates(prompt);
}

const prompts = (): string[] => Object.values(useImageJobsStore.getState().jobs).map((live) => live.job.prompt);

beforeEach(() => {
  cookie = anna.user_id;
  sent = [];
  generates = (prompt) => answer(job({ prompt }), 202);
  vi.stubGlobal('fetch', async (path: string, init?: RequestInit) => serve(path, init));
  history.replaceState(null, '', '/#c=c');
  useImageJobsStore.getState().reset();
  useChatStore.getState().reset();
  useChatStore.getState().show({ kind: 'conversation', id: 'c' });
  useSessionStore.setState({ state: 'signed_in', me: { ...anna, roles: [] } });
});

afterEach(() => history.replaceState(null, '', '/'));

describe('signing out', () => {
  it('leaves nothing of one person to the next', async () => {
    useComposerStore.setState({ draft: 'my draft', settings: { negative_prompt: 'private' } });
    useComposerStore.getState().setSettings({ steps: 9 });
    useComposerStore.getState().setNotice({ code: 'queue_full', said: null, faults: [], since: 0, until: null });
    await signOut();
    takeFrames([{ type: 'image_progress', job: drawing() }], 0);
    expect(prompts()).toEqual([]);
    expect(location.hash).toBe('');
    await signIn('token of bert');
    expect(prompts()).toEqual([]);
    expect(useChatStore.getState()).toMatchObject({ messages: {}, view: { kind: 'auto' } });
    expect(useComposerStore.getState()).toMatchObject({ draft: '', settings: {}, notice: null });
    expect(localStorage.getItem('forgeline:settings')).toBe('{}');
  });

  it('lets the next person begin with nothing, whatever came in between', async () => {
    await signOut();
    useImageJobsStore.getState().upsertFromServer([drawing()]);
    useComposerStore.getState().setDraft('typed meanwhile');
    await signIn('token of bert');
    expect(prompts()).toEqual([]);
    expect(useComposerStore.getState().draft).toBe('typed meanwhile');
  });

  it('sends and shows nothing that waited, as the next person', async () => {
    let release: (response: Response) => void = () => undefined;
    generates = (prompt) => (prompt === 'first' ? new Promise((resolve) => (release = resolve)) : answer(job({ prompt }), 202));
    useComposerStore.getState().setDraft('first');
    const first = submitDraft();
    useComposerStore.getState().setDraft('second');
    const second = submitDraft();
    await vi.waitFor(() => expect(sent).toEqual(['anna: first']));
    await signOut();
    await signIn('token of bert');
    release(answer(job({ prompt: 'first' }), 202));
    await Promise.all([first, second]);
    expect(sent).toEqual(['anna: first']);
    expect(prompts()).toEqual([]);
    expect(useComposerStore.getState().draft).toBe('');
    expect(useChatStore.getState().view).toEqual({ kind: 'auto' });
  });

  it('gives an answer that is late to nobody', async () => {
    let release: (response: Response) => void = () => undefined;
    vi.stubGlobal('fetch', (path: string, init?: RequestInit) =>
      path === '/me' ? new Promise<Response>((resolve) => (release = resolve)) : Promise.resolve(serve(path, init)),
    );
    const asking = begin();
    await signOut();
    release(answer(anna));
    await asking;
    expect(useSessionStore.getState()).toMatchObject({ state: 'signed_out', me: null });
  });
});

describe('without the network', () => {
  beforeEach(() => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('network')));
    usePreferences.setState({ lang: 'en' });
  });

  it('a sign-out is told to have failed, and changes nothing', async () => {
    await signOut();
    expect(useSessionStore.getState()).toMatchObject({ state: 'signed_in', me: { user_id: 'anna' } });
    expect(useComposerStore.getState().notice?.code).toBe('network');
  });

  it('a sign-in does not blame the token', async () => {
    useSessionStore.getState().signedOut();
    render(<SignInPage />);
    await userEvent.type(screen.getByLabelText('Access token'), 'good{Enter}');
    expect(await screen.findByRole('alert')).toHaveTextContent('could not be reached');
    vi.stubGlobal('fetch', async () => answer({ code: 'unauthenticated', title: 'x' }, 401));
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    await vi.waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent('not accepted'));
  });
});

describe('the socket of who signs out', () => {
  class OneSocket extends EventTarget {
    static readonly OPEN = 1;
    static last: OneSocket;
    readyState = 1;
    constructor() {
      super();
      OneSocket.last = this;
    }
    close(): void {
      this.readyState = 3;
    }
    say(frame: unknown): void {
      this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(frame) }));
    }
  }

  function Page() {
    useWebSocket(useSessionStore((state) => state.state === 'signed_in'));
    return null;
  }

  it('is closed at once, and what it had brought is dropped', async () => {
    vi.stubGlobal('WebSocket', OneSocket);
    const shown = render(<Page />);
    const socket = OneSocket.last;
    socket.dispatchEvent(new Event('open'));
    socket.say({ type: 'image_progress', job: drawing() });
    await vi.waitFor(() => expect(prompts()).toHaveLength(1));
    socket.say({ type: 'image_progress', job: drawing({ job_id: 'b', message_id: 4 }) });
    await act(() => signOut());
    expect(socket.readyState).toBe(3);
    useSessionStore.setState({ state: 'loading', me: { ...bert, roles: [] } });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(prompts()).toEqual([]);
    shown.unmount();
  });
});

describe('a hello that names somebody else', () => {
  it('lets them in before the rest of what came', async () => {
    await begin();
    useImageJobsStore.getState().upsertFromServer([drawing({ prompt: 'of anna' })]);
    const hello = { type: 'hello', protocol: 1, user: { ...bert, roles: [] as string[] }, heartbeat_s: 20, server_time: '' } as const;
    const late = { type: 'image_progress', job: drawing({ job_id: 'x', message_id: 8, prompt: 'of anna, late' }) } as const;
    const snapshot = { type: 'snapshot', jobs: [job({ job_id: 'b', message_id: 7, prompt: 'of bert' })], queue: line, truncated: false } as const;
    takeFrames([late, hello, { ...snapshot, jobs: [...snapshot.jobs] }], Date.now());
    expect(useSessionStore.getState().me?.user_id).toBe('bert');
    expect(prompts()).toEqual(['of bert']);
    expect(location.hash).toBe('');
  });

  it('changes nothing when it names who is here', async () => {
    await begin();
    useImageJobsStore.getState().upsertFromServer([drawing()]);
    takeFrames([{ type: 'hello', protocol: 1, user: { ...anna, roles: [] }, heartbeat_s: 20, server_time: '' }], 0);
    expect(prompts()).toHaveLength(1);
    expect(location.hash).toBe('#c=c');
  });
});

describe('the next try of a held line', () => {
  it('is counted on the server’s clock', () => {
    usePreferences.setState({ lang: 'en' });
    useConnectionStore.setState({ phase: 'open', online: true });
    const ahead = (seconds: number): string => new Date(Date.now() + 3_600_000 + seconds * 1000).toISOString();
    takeFrames([{ type: 'queue', ...line, held: true, retry_at: ahead(30), jobs: [], server_time: ahead(0) }], 0);
    render(<Banner />);
    expect(document.body.textContent).toMatch(/Next try in (31|30|29|28)/);
  });
});
