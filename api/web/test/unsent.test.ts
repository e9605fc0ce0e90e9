import { beforeEach, describe, expect, it, vi } from 'vitest';
import { job } from './jobs';

const SLOW = { timeout: 5000 };

interface Asked {
  who: string;
  key: string;
  body: Record<string, unknown>;
}

/** A server that keeps what it accepted under its key, and loses an answer while `silent`. */
let cookie: string;
let asked: Asked[];
let kept: Map<string, Response>;
let silent: boolean;
let refusals: [status: number, code: string][];

function problem(status: number, code: string): Response {
  return new Response(JSON.stringify({ code, title: code }), { status });
}

function generate(init: RequestInit): Response | Promise<Response> {
  const key = (init.headers as Record<string, string>)['Idempotency-Key'] ?? '';
  const body = JSON.parse(String(init.body)) as Asked['body'];
  asked.push({ who: cookie, key, body });
  const refusal = refusals.shift();
  if (refusal) return problem(...refusal);
  const id = kept.size + 1;
  const made = job({ job_id: `j${id}`, message_id: 2 * id, conversation_id: 'c', prompt: String(body['prompt']) });
  const answer = kept.get(key) ?? new Response(JSON.stringify(made), { status: 202 });
  kept.set(key, answer);
  return silent ? new Promise(() => undefined) : answer.clone();
}

function serve(path: string, init: RequestInit = {}): Response | Promise<Response> {
  if (path === '/session') cookie = init.method === 'DELETE' ? '' : (JSON.parse(String(init.body)) as { token: string }).token;
  if (path === '/session' && !cookie) return new Response(null, { status: 204 });
  if (!cookie) return problem(401, 'unauthenticated');
  if (path === '/me' || path === '/session') return new Response(JSON.stringify({ user_id: cookie, username: null, roles: [], auth_mode: 'jwt' }));
  if (path.startsWith('/conversations?')) return new Response('{"conversations": [], "next_cursor": null}');
  return path === '/image/generate' ? generate(init) : problem(404, 'not_found');
}

/** The page, read anew: nothing is left of the one before but the browser's storage. */
async function load() {
  vi.resetModules();
  const session = await import('../src/actions/session');
  const submit = await import('../src/actions/submit');
  const { useChatStore: chat } = await import('../src/stores/chatStore');
  const { useComposerStore: composer } = await import('../src/stores/composerStore');
  const { keepUnsent } = await import('../src/stores/unsent');
  keepUnsent();
  await session.begin();
  const ask = (prompt: string): void => {
    composer.getState().setDraft(prompt);
    void submit.submitDraft();
  };
  const pending = () => chat.getState().pending.map(({ request, failure }) => [request.prompt, failure?.code ?? null]);
  const settled = () => vi.waitFor(() => expect(pending().filter(([, code]) => code === null)).toEqual([]), SLOW);
  return { ...session, chat, composer, ask, pending, settled };
}

/** A prompt that arrived, and whose answer the reload cut off. */
async function loseTheAnswer(prompt = 'a boat'): Promise<void> {
  silent = true;
  const page = await load();
  page.ask(prompt);
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  silent = false;
}

beforeEach(() => {
  [cookie, asked, kept, silent, refusals] = ['anna', [], new Map(), false, []];
  vi.stubGlobal('fetch', async (path: string, init?: RequestInit) => serve(path, init));
  history.replaceState(null, '', '/');
});

describe('a reload before the answer', () => {
  it('asks again under the same key with the same body, and leaves the composer alone', async () => {
    await loseTheAnswer();
    const page = await load();
    await page.settled();
    expect(asked[1]).toEqual(asked[0]);
    expect(kept.size).toBe(1);
    expect(page.composer.getState().draft).toBe('');
    expect(page.chat.getState()).toMatchObject({ pending: [], view: { kind: 'conversation', id: 'c' } });
  });

  it('sends what had waited for that answer afterwards, into the conversation it began', async () => {
    silent = true;
    const before = await load();
    before.ask('first');
    before.ask('second');
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    silent = false;
    const page = await load();
    await page.settled();
    expect(asked.map(({ body }) => [body['prompt'], body['conversation_id']])).toEqual([
      ['first', undefined],
      ['first', undefined],
      ['second', 'c'],
    ]);
  });

  it('brings the text back with the reason when it is refused', async () => {
    await loseTheAnswer();
    refusals.push([422, 'invalid_request']);
    const page = await load();
    await page.settled();
    expect(page.composer.getState()).toMatchObject({ draft: 'a boat', notice: { code: 'invalid_request' } });
    expect(page.pending()).toEqual([]);
  });

  it('keeps the key where the refusal may not have looked at it', async () => {
    await loseTheAnswer();
    refusals.push([429, 'rate_limited']);
    const page = await load();
    await page.settled();
    expect(page.pending()).toEqual([['a boat', 'rate_limited']]);
    expect(page.composer.getState().draft).toBe('');
  });

  it('shows a refused prompt as it was, and sends it for nobody by itself', async () => {
    const before = await load();
    refusals.push([429, 'queue_full']);
    before.ask('a boat');
    before.composer.getState().setDraft('the next one');
    await before.settled();
    const page = await load();
    expect(page.pending()).toEqual([['a boat', 'queue_full']]);
    expect(page.composer.getState().draft).toBe('the next one');
    expect(asked).toHaveLength(1);
  });

  it.each(['{', '5', '[null]', '[{}]', '[{"key": "k", "request": {"prompt": "x"}}]'])('survives rubbish in the storage: %s', async (rubbish) => {
    sessionStorage.setItem('forgeline:unsent:anna', rubbish);
    expect((await load()).pending()).toEqual([]);
    expect(asked).toEqual([]);
  });
});

describe('an answer that the session did not live to see', () => {
  it('waits for who asked, and is asked for by nobody else', async () => {
    await loseTheAnswer();
    cookie = '';
    const signedOut = await load();
    expect(asked).toHaveLength(1);
    await signedOut.signIn('bert');
    expect(signedOut.pending()).toEqual([]);
    cookie = '';
    const page = await load();
    await page.signIn('anna');
    await page.settled();
    expect(asked.map(({ who }) => who)).toEqual(['anna', 'anna']);
    expect([kept.size, page.pending()]).toEqual([1, []]);
  });

  it('is asked for after signing in again, when the session ends with the question', async () => {
    await loseTheAnswer();
    refusals.push([401, 'unauthenticated']);
    const page = await load();
    await page.settled();
    expect(page.pending()).toEqual([['a boat', 'unauthenticated']]);
    expect(page.composer.getState().draft).toBe('');
    await page.signIn('anna');
    await vi.waitFor(() => expect(page.pending()).toEqual([]));
    expect(new Set(asked.map(({ key }) => key)).size).toBe(1);
  });

  it('is forgotten when its owner signs out', async () => {
    await loseTheAnswer();
    silent = true;
    const page = await load();
    await page.signOut();
    expect(sessionStorage.getItem('forgeline:unsent:anna')).toBe('[]');
  });
});
