/** A server that keeps what it accepted under its key and may lose the answer, and the page in front of it. */
import { expect, vi } from 'vitest';
import type { Job, Message } from '../src/api/types';
import { turnsOf } from '../src/stores/chatLogic';
import { complete, job, message } from './jobs';

const SLOW = { timeout: 5000 };

interface Asked {
  who: string;
  key: string;
  body: Record<string, unknown>;
}

function fresh() {
  return {
    cookie: 'anna',
    asked: [] as Asked[],
    kept: new Map<string, Response>(),
    /** No submission is answered; its answer is `late`. */
    silent: false,
    late: [] as (() => void)[],
    messages: [] as Message[],
    refusals: [] as [status: number, code: string][],
  };
}

export const server = fresh();

export function startServer(): void {
  Object.assign(server, fresh());
  vi.stubGlobal('fetch', async (path: string, init?: RequestInit) => serve(path, init));
  history.replaceState(null, '', '/');
}

function problem(status: number, code: string): Response {
  return new Response(JSON.stringify({ code, title: code }), { status });
}

function generate(init: RequestInit): Response | Promise<Response> {
  const key = (init.headers as Record<string, string>)['Idempotency-Key'] ?? '';
  const body = JSON.parse(String(init.body)) as Asked['body'];
  server.asked.push({ who: server.cookie, key, body });
  const refusal = server.refusals.shift();
  if (refusal) return problem(...refusal);
  const id = server.kept.size + 1;
  const made = job({ job_id: `j${id}`, message_id: 2 * id, conversation_id: 'c', prompt: String(body['prompt']) });
  const answer = server.kept.get(key) ?? new Response(JSON.stringify(made), { status: 202 });
  server.kept.set(key, answer);
  return server.silent ? new Promise((resolve) => server.late.push(() => resolve(answer.clone()))) : answer.clone();
}

function serve(path: string, init: RequestInit = {}): Response | Promise<Response> {
  if (path === '/session') server.cookie = init.method === 'DELETE' ? '' : (JSON.parse(String(init.body)) as { token: string }).token;
  if (path === '/session' && !server.cookie) return new Response(null, { status: 204 });
  if (!server.cookie) return problem(401, 'unauthenticated');
  if (path === '/me' || path === '/session') return new Response(JSON.stringify({ user_id: server.cookie, username: null, roles: [], auth_mode: 'jwt' }));
  if (path.startsWith('/conversations?')) return new Response('{"conversations": [], "next_cursor": null}');
  if (path.startsWith('/conversations/c/messages')) return new Response(JSON.stringify({ messages: server.messages, has_more: false }));
  return path === '/image/generate' ? generate(init) : problem(404, 'not_found');
}

/** The page, read anew: nothing is left of the one before but the browser's storage. */
export async function load() {
  vi.resetModules();
  const session = await import('../src/actions/session');
  const submit = await import('../src/actions/submit');
  const { useChatStore: chat } = await import('../src/stores/chatStore');
  const { useComposerStore: composer } = await import('../src/stores/composerStore');
  const { takeFrames } = await import('../src/actions/intake');
  const { keepUnsent } = await import('../src/stores/unsent');
  keepUnsent();
  await session.begin();
  const ask = (prompt: string): void => {
    composer.getState().setDraft(prompt);
    void submit.submitDraft();
  };
  const pending = () => chat.getState().pending.map(({ request, failure }) => [request.prompt, failure?.code ?? null]);
  const turns = () => turnsOf(chat.getState().messages['c'] ?? [], chat.getState().pending, {}).map(({ bot, prompt }) => [prompt, bot?.job?.status]);
  const hear = (heard: Job): void => takeFrames([{ type: 'image_progress', job: heard }], 0);
  const meet = (who: string): void => {
    server.cookie = who;
    const user = { user_id: who, username: null, roles: [], auth_mode: 'jwt' as const };
    takeFrames([{ type: 'hello', protocol: 1, user, heartbeat_s: 20, server_time: '' }], 0);
  };
  const settled = () => vi.waitFor(() => expect(pending().filter(([, code]) => code === null)).toEqual([]), SLOW);
  return { ...session, chat, composer, ask, pending, turns, hear, meet, settled };
}

/** A prompt that arrived, and whose answer the reload cut off. */
export async function loseTheAnswer(prompt = 'a boat'): Promise<void> {
  server.silent = true;
  const page = await load();
  page.ask(prompt);
  await vi.waitFor(() => expect(server.asked).toHaveLength(1));
  server.silent = false;
}

/** What the conversation holds of one picture: the question and the bot's message. */
export function turnOf(id: number, change: Partial<Job> = {}): Message[] {
  const picture = complete({ job_id: `j${id}`, message_id: 2 * id, conversation_id: 'c', prompt: 'a boat', ...change });
  return [message({ id: 2 * id - 1, role: 'user', content: 'a boat' }), message({ id: 2 * id, job: picture })];
}
