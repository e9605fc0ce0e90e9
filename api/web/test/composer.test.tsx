import { fireEvent, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConversations } from '../src/actions/conversations';
import { forgetSubmissions, resend } from '../src/actions/submit';
import { Composer } from '../src/components/Composer';
import { nearest } from '../src/components/SettingsFields';
import { startTab } from '../src/presence/tab';
import type { PendingTurn } from '../src/stores/chatLogic';
import { useChatStore } from '../src/stores/chatStore';
import { useComposerStore } from '../src/stores/composerStore';
import { useConnectionStore } from '../src/stores/connectionStore';
import { useImageJobsStore } from '../src/stores/imageJobsStore';
import { useSessionStore } from '../src/stores/sessionStore';
import { job } from './jobs';

const me = { user_id: 'u', username: null, roles: [], auth_mode: 'local' } as const;
type Fetch = (path: string, init?: RequestInit) => Promise<Response>;
let fetched: ReturnType<typeof vi.fn<Fetch>>;

let next: (() => Promise<Response>)[] = [];

/** What the next submission is answered; everything else is not found. */
function answers(status: number, body: unknown, headers: Record<string, string> = {}): void {
  next.push(async () => new Response(JSON.stringify(body), { status, headers }));
}

function submissions(): { body: Record<string, unknown>; key: string }[] {
  const calls = fetched.mock.calls as [string, RequestInit][];
  return calls
    .filter(([path]) => path === '/image/generate')
    .map(([, init]) => ({ body: JSON.parse(String(init.body)), key: (init.headers as Record<string, string>)['Idempotency-Key'] ?? '' }));
}

function prompt(): HTMLTextAreaElement {
  return screen.getByRole('textbox', { name: 'Prompt' });
}

beforeEach(() => {
  next = [];
  fetched = vi.fn<Fetch>((path) => (path === '/image/generate' && next.shift()?.()) || Promise.resolve(new Response('{}', { status: 404 })));
  vi.stubGlobal('fetch', fetched);
  useImageJobsStore.getState().reset();
  useChatStore.getState().reset();
  useComposerStore.setState({ draft: '', settings: {}, notice: null });
  useConnectionStore.setState({ online: true, phase: 'open' });
  useSessionStore.setState({ state: 'signed_in', me: { ...me, roles: [] } });
  render(<Composer />);
});

describe('the composer', () => {
  it('sends with Enter, trimmed, under a key of its own, and empties itself', async () => {
    answers(202, job());
    await userEvent.type(prompt(), '  a boat {Enter}');
    await waitFor(() => expect(submissions()).toHaveLength(1));
    expect(submissions()[0]).toMatchObject({ body: { prompt: 'a boat', locale: 'en' }, key: expect.stringMatching(/^[0-9a-f]{32}$/) as string });
    expect(prompt()).toHaveValue('');
  });

  it('breaks the line with Shift + Enter', async () => {
    await userEvent.type(prompt(), 'a{Shift>}{Enter}{/Shift}b');
    expect(prompt()).toHaveValue('a\nb');
    expect(submissions()).toHaveLength(0);
  });

  it.each([{ isComposing: true }, { keyCode: 229 }])('leaves an Enter that ends a composition alone: %j', async (how) => {
    await userEvent.type(prompt(), 'ねこ');
    fireEvent.keyDown(prompt(), { key: 'Enter', ...how });
    expect(submissions()).toHaveLength(0);
  });

  it('sends nothing but spaces to nobody', async () => {
    await userEvent.type(prompt(), '   {Enter}');
    expect(submissions()).toHaveLength(0);
    expect(screen.getByRole('button', { name: 'Create picture' })).toBeDisabled();
  });

  it('makes one job of a double click', async () => {
    answers(202, job());
    await userEvent.type(prompt(), 'a boat');
    await userEvent.dblClick(screen.getByRole('button', { name: 'Create picture' }));
    expect(submissions()).toHaveLength(1);
  });

  it('brings the text back and counts down when the line is full', async () => {
    answers(429, { code: 'queue_full', title: 'The line is full.' }, { 'Retry-After': '40' });
    await userEvent.type(prompt(), 'a boat{Enter}');
    await screen.findByRole('alert');
    expect(prompt()).toHaveValue('a boat');
    expect(document.body.textContent).toMatch(/You can try again in (40|39|38)\u00a0s/);
    expect(screen.getByRole('button', { name: 'Create picture' })).toBeDisabled();
    expect(useChatStore.getState().pending).toEqual([]);
  });

  it('sends what is asked meanwhile afterwards, into the conversation the first began', async () => {
    let answer: (response: Response) => void = () => undefined;
    next.push(() => new Promise((resolve) => (answer = resolve)));
    answers(202, job({ job_id: 'b', message_id: 4 }));
    await userEvent.type(prompt(), 'first{Enter}second{Enter}');
    expect(submissions()).toHaveLength(1);
    answer(new Response(JSON.stringify(job())));
    await waitFor(() => expect(submissions()).toHaveLength(2));
    expect(submissions().map(({ body }) => body['conversation_id'])).toEqual([undefined, 'c']);
  });

  it('stays with what was asked before the list of conversations came', async () => {
    const older = { id: 'older', title: 'x', created_at: '', updated_at: '' };
    let list: (response: Response) => void = () => undefined;
    fetched.mockImplementationOnce(() => new Promise((resolve) => (list = resolve)));
    const listed = loadConversations();
    next.push(() => new Promise(() => undefined));
    await userEvent.type(prompt(), 'a boat{Enter}');
    list(new Response(JSON.stringify({ conversations: [older], next_cursor: null })));
    await listed;
    expect(useChatStore.getState().view).toEqual({ kind: 'new' });
    forgetSubmissions();
  });

  it('shows a chosen model as what will be sent, though the server offers it no longer', async () => {
    useComposerStore.setState({ settings: { model: 'older.safetensors' } });
    await userEvent.click(screen.getByRole('button', { name: /Settings/ }));
    expect(screen.getByLabelText('Model')).toHaveDisplayValue('older.safetensors');
  });

  it('names every fault of a refused request', async () => {
    const errors = [{ field: 'steps', message: 'At most 150.' }];
    answers(422, { code: 'invalid_request', title: 'The request is not valid.', errors });
    await userEvent.type(prompt(), 'a boat{Enter}');
    expect(await screen.findByRole('alert')).toHaveTextContent('The request is not valid.Steps At most 150.');
    expect(screen.getByRole('button', { name: 'Create picture' })).toBeEnabled();
  });

  it('keeps on screen what may or may not have arrived, under the same key', async () => {
    for (let lost = 0; lost < 3; lost += 1) next.push(() => Promise.reject(new TypeError('network')));
    await userEvent.type(prompt(), 'a boat{Enter}');
    await waitFor(() => expect(useChatStore.getState().pending[0]?.failure?.code).toBe('network'), { timeout: 4000 });
    expect(new Set(submissions().map(({ key }) => key))).toEqual(new Set([useChatStore.getState().pending[0]?.key]));
  });

  it('asks again by itself, under the same key, when an answer got lost', async () => {
    next.push(() => Promise.reject(new TypeError('network')));
    answers(200, job());
    await userEvent.type(prompt(), 'a boat{Enter}');
    await waitFor(() => expect(useChatStore.getState().pending).toEqual([]), { timeout: 4000 });
    expect(submissions()).toHaveLength(2);
    expect(submissions()[0]?.key).toBe(submissions()[1]?.key);
  });

  it('sends again exactly what it had sent, after what is on its way', async () => {
    answers(500, { code: 'internal' });
    answers(202, job({ job_id: 'b', message_id: 4, conversation_id: 'y', prompt: 'second' }));
    await userEvent.type(prompt(), 'first{Enter}second{Enter}');
    await waitFor(() => expect(useChatStore.getState().view).toEqual({ kind: 'conversation', id: 'y' }));
    let answer: (response: Response) => void = () => undefined;
    next.push(() => new Promise((resolve) => (answer = resolve)));
    answers(202, job({ prompt: 'first' }));
    await userEvent.type(prompt(), 'third{Enter}');
    const again = resend(useChatStore.getState().pending[0] as PendingTurn);
    await waitFor(() => expect(submissions()).toHaveLength(3));
    answer(new Response(JSON.stringify(job({ job_id: 'd', message_id: 6, conversation_id: 'y', prompt: 'third' }))));
    await again;
    expect(submissions().map(({ body }) => body['prompt'])).toEqual(['first', 'second', 'third', 'first']);
    expect(submissions()[3]).toEqual(submissions()[0]);
    expect(useChatStore.getState()).toMatchObject({ pending: [], view: { kind: 'conversation', id: 'c' } });
  });

  it.each([
    ['offline', () => useConnectionStore.setState({ online: false }), 'You are offline'],
    ['without a session', () => useSessionStore.setState({ state: 'expired' }), 'Sign in'],
  ])('keeps the draft and sends nothing %s', async (_, arrange, said) => {
    await userEvent.type(prompt(), 'a boat');
    arrange();
    await screen.findByText(said, { exact: false });
    await userEvent.type(prompt(), '{Enter}');
    expect(submissions()).toHaveLength(0);
    expect(sessionStorage.getItem('forgeline:draft')).toBe('a boat');
  });

  it('counts what is too long', async () => {
    fireEvent.change(prompt(), { target: { value: 'x'.repeat(2001) } });
    expect(document.body.textContent).toContain('Characters over the limit: 1');
    expect(screen.getByRole('button', { name: 'Create picture' })).toBeDisabled();
  });
});

describe('a ready picture', () => {
  const shown = vi.fn<(title: string, options: { body: string }) => void>();

  beforeEach(() => {
    shown.mockClear();
    class Note extends EventTarget {
      static readonly permission = 'granted';
      constructor(title: string, options: { body: string }) {
        super();
        shown(title, options);
      }
    }
    vi.stubGlobal('Notification', Note);
  });

  it.each([
    [true, 1],
    [false, 0],
  ])('is told to who has another tab in front of it (%s)', (hidden, times) => {
    vi.spyOn(document, 'hidden', 'get').mockReturnValue(hidden);
    const stop = startTab();
    const { upsertFromServer } = useImageJobsStore.getState();
    upsertFromServer([job({ status: 'processing', stage: 'sampling', attempt: 1, version: 2 })]);
    upsertFromServer([job({ status: 'complete', stage: null, attempt: 1, version: 3 })]);
    stop();
    expect(shown).toHaveBeenCalledTimes(times);
  });
});

describe('a browser that has notifications and cannot make one', () => {
  it('still lets the news through', () => {
    class Refusing {
      static readonly permission = 'granted';
      constructor() {
        throw new TypeError('Illegal constructor.');
      }
    }
    vi.stubGlobal('Notification', Refusing);
    vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
    const heard = vi.fn<() => void>();
    const stops = [startTab(), useImageJobsStore.subscribe(heard)];
    const { upsertFromServer } = useImageJobsStore.getState();
    upsertFromServer([job({ status: 'processing', stage: 'sampling', attempt: 1, version: 2 })]);
    expect(() => upsertFromServer([job({ status: 'complete', stage: null, attempt: 1, version: 3 })])).not.toThrow();
    stops.forEach((stop) => stop());
    expect(heard).toHaveBeenCalledTimes(2);
  });
});

describe('a number of the settings', () => {
  it.each([
    [100, 64, 2048, 8, 104],
    [5, 64, 2048, 8, 64],
    [9999, 64, 2048, 8, 2048],
    [3.456, 0, 30, 0.1, 3.5],
    [Number.NaN, 0, 1, 1, undefined],
  ])('%s between %s and %s in steps of %s becomes %s', (value, min, max, step, expected) => {
    expect(nearest(value, min, max, step)).toBe(expected);
  });
});
