import { beforeEach, describe, expect, it, vi } from 'vitest';
import { writeJobs } from '../src/stores/jobsCache';
import { load, loseTheAnswer, server, startServer, turnOf } from './forgetfulServer';
import { job } from './jobs';

beforeEach(startServer);

describe('a reload before the answer', () => {
  it('asks again under the same key with the same body, and leaves the composer alone', async () => {
    await loseTheAnswer();
    const page = await load();
    await page.settled();
    expect(server.asked[1]).toEqual(server.asked[0]);
    expect(server.kept.size).toBe(1);
    expect(page.composer.getState().draft).toBe('');
    expect(page.chat.getState()).toMatchObject({ pending: [], view: { kind: 'conversation', id: 'c' } });
  });

  it('sends what had waited for that answer afterwards, into the conversation it began', async () => {
    server.silent = true;
    const before = await load();
    before.ask('first');
    before.ask('second');
    await vi.waitFor(() => expect(server.asked).toHaveLength(1));
    server.silent = false;
    const page = await load();
    await page.settled();
    expect(server.asked.map(({ body }) => [body['prompt'], body['conversation_id']])).toEqual([
      ['first', undefined],
      ['first', undefined],
      ['second', 'c'],
    ]);
  });

  it('brings the text back with the reason when it is refused', async () => {
    await loseTheAnswer();
    server.refusals.push([422, 'invalid_request']);
    const page = await load();
    await page.settled();
    expect(page.composer.getState()).toMatchObject({ draft: 'a boat', notice: { code: 'invalid_request' } });
    expect(page.pending()).toEqual([]);
  });

  it('keeps the key where the refusal may not have looked at it', async () => {
    await loseTheAnswer();
    server.refusals.push([429, 'rate_limited']);
    const page = await load();
    await page.settled();
    expect(page.pending()).toEqual([['a boat', 'rate_limited']]);
    expect(page.composer.getState().draft).toBe('');
  });

  it('shows a refused prompt as it was, and sends it for nobody by itself', async () => {
    const before = await load();
    server.refusals.push([429, 'queue_full']);
    before.ask('a boat');
    before.composer.getState().setDraft('the next one');
    await before.settled();
    const page = await load();
    expect(page.pending()).toEqual([['a boat', 'queue_full']]);
    expect(page.composer.getState().draft).toBe('the next one');
    expect(server.asked).toHaveLength(1);
  });

  it.each(['{', '5', '[null]', '[{}]', '[{"key": "k", "request": {"prompt": "x"}}]'])('survives rubbish in the storage: %s', async (rubbish) => {
    sessionStorage.setItem('forgeline:unsent:anna', rubbish);
    expect((await load()).pending()).toEqual([]);
    expect(server.asked).toEqual([]);
  });
});

describe('a picture that is there before the answer', () => {
  beforeEach(() => history.replaceState(null, '', '/#c=c'));

  it('stands once after a reload, beside the older one of the same prompt', async () => {
    server.messages = turnOf(7);
    const before = await load();
    await vi.waitFor(() => expect(before.turns()).toHaveLength(1));
    server.silent = true;
    before.ask('a boat');
    await vi.waitFor(() => expect(server.asked).toHaveLength(1));
    server.messages = [...turnOf(7), ...turnOf(8)];
    const page = await load();
    await vi.waitFor(() => expect(page.chat.getState().loading['c']).toBe('loaded'));
    expect(page.turns()).toEqual([
      ['a boat', 'complete'],
      ['a boat', undefined],
    ]);
    server.late.pop()?.();
    await vi.waitFor(() => expect(page.pending()).toEqual([]));
  });

  it('stands once when the answer was given up: it is asked for again', async () => {
    const page = await load();
    server.refusals.push([500, 'internal']);
    page.ask('a boat');
    await vi.waitFor(() => expect(page.pending()).toEqual([['a boat', 'internal']]));
    page.hear(job({ job_id: 'j1', message_id: 2, conversation_id: 'c', prompt: 'a boat' }));
    expect(page.turns()).toEqual([['a boat', undefined]]);
    await vi.waitFor(() => expect(page.pending()).toEqual([]));
    expect(page.turns()).toEqual([['a boat', 'queued']]);
    expect(new Set(server.asked.map(({ key }) => key)).size).toBe(1);
  });

  it('stands once when another page has kept it in this browser', async () => {
    server.silent = true;
    const before = await load();
    before.ask('a boat');
    await vi.waitFor(() => expect(server.asked).toHaveLength(1));
    writeJobs('anna', [job({ job_id: 'j1', message_id: 2, conversation_id: 'c', prompt: 'a boat' })]);
    const page = await load();
    expect(page.turns()).toEqual([['a boat', undefined]]);
  });
});

describe('an answer that the session did not live to see', () => {
  it('waits for who asked, and is asked for by nobody else', async () => {
    await loseTheAnswer();
    server.cookie = '';
    const signedOut = await load();
    expect(server.asked).toHaveLength(1);
    await signedOut.signIn('bert');
    expect(signedOut.pending()).toEqual([]);
    server.cookie = '';
    const page = await load();
    await page.signIn('anna');
    await page.settled();
    expect(server.asked.map(({ who }) => who)).toEqual(['anna', 'anna']);
    expect([server.kept.size, page.pending()]).toEqual([1, []]);
  });

  it('is asked for after signing in again, when the session ends with the question', async () => {
    await loseTheAnswer();
    server.refusals.push([401, 'unauthenticated']);
    const page = await load();
    await page.settled();
    expect(page.pending()).toEqual([['a boat', 'unauthenticated']]);
    expect(page.composer.getState().draft).toBe('');
    await page.signIn('anna');
    await vi.waitFor(() => expect(page.pending()).toEqual([]));
    expect(new Set(server.asked.map(({ key }) => key)).size).toBe(1);
  });

  it('comes back to who asked, after another tab let in somebody else', async () => {
    server.silent = true;
    const page = await load();
    page.ask('a boat');
    await vi.waitFor(() => expect(server.asked).toHaveLength(1));
    page.composer.getState().setDraft('half a thought');
    server.silent = false;
    page.meet('bert');
    expect([page.pending(), page.composer.getState().draft]).toEqual([[], '']);
    page.composer.getState().setDraft('of bert');
    page.meet('anna');
    expect(page.composer.getState().draft).toBe('half a thought');
    await page.settled();
    expect(server.asked.map(({ who, body }) => [who, body['prompt']])).toEqual([
      ['anna', 'a boat'],
      ['anna', 'a boat'],
    ]);
    expect([server.kept.size, page.pending()]).toEqual([1, []]);
    page.meet('bert');
    expect(page.composer.getState().draft).toBe('of bert');
  });

  it('is forgotten when its owner signs out', async () => {
    await loseTheAnswer();
    server.silent = true;
    const page = await load();
    await page.signOut();
    expect(sessionStorage.getItem('forgeline:unsent:anna')).toBe('[]');
  });
});
