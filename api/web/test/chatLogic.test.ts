import { describe, expect, it } from 'vitest';
import { mergeMessages, type PendingTurn, turnsOf, withJob } from '../src/stores/chatLogic';
import { complete, drawing, job, message } from './jobs';

const asked = message({ id: 1, role: 'user', content: 'p' });
const answer = message({ id: 2, job: drawing() });

describe('mergeMessages', () => {
  it('adds, orders by id, and never loses a result to an older answer', () => {
    const known = mergeMessages([], [message({ id: 2, job: complete() })]);
    const merged = mergeMessages(known, [answer, asked]);
    expect(merged.map(({ id }) => id)).toEqual([1, 2]);
    expect(merged[1]?.job).toEqual(complete());
  });

  it('keeps the job of a message that comes back without one', () => {
    expect(mergeMessages([answer], [message({ id: 2, content: 'x' })])[0]).toMatchObject({ content: 'x', job: drawing() });
  });
});

describe('withJob', () => {
  it('makes the message of a job another page submitted', () => {
    expect(withJob([], job())[0]).toMatchObject({ id: 2, role: 'bot', conversation_id: 'c', job: job() });
  });

  it('leaves progress to the live job', () => {
    const known = [asked, answer];
    expect(withJob(known, drawing({ version: 8, progress: 80 }))).toBe(known);
  });

  it('writes the end into the message', () => {
    expect(withJob([answer], complete())[0]?.job).toEqual(complete());
  });

  it('replaces a failed job by its retry, and not the other way round', () => {
    const failed = job({ status: 'error', stage: null });
    const again = job({ job_id: 'b', retry_of: 'a' });
    const known = withJob([message({ id: 2, job: failed })], again);
    expect(known[0]?.job?.job_id).toBe('b');
    expect(withJob(known, failed)[0]?.job?.job_id).toBe('b');
  });
});

describe('turnsOf', () => {
  it('makes one turn of a question and its answer', () => {
    expect(turnsOf([asked, answer], [], {})).toEqual([{ key: 'm2', prompt: 'p', bot: answer, pending: null }]);
  });

  it('keeps the key a turn was born with', () => {
    expect(turnsOf([answer], [], { 2: 'born' })[0]?.key).toBe('born');
    expect(turnsOf([asked, answer], [], { 2: 'born' })[0]?.key).toBe('born');
  });

  it('shows a question without an answer, and an answer without a question', () => {
    const other = message({ id: 5, role: 'user', content: 'q' });
    expect(turnsOf([answer, other], [], {}).map(({ prompt }) => prompt)).toEqual(['p', 'q']);
    expect(turnsOf([asked, other, message({ id: 6, content: 'text' })], [], {}).map(({ key }) => key)).toEqual(['u1', 'm6']);
  });

  it('puts what is being sent last', () => {
    const pending: PendingTurn = { key: 'k', userId: 'u', request: { prompt: 'new' }, home: { conversationId: 'c' }, typed: true, tries: 1, after: 4, failure: null };
    expect(turnsOf([asked, answer], [pending], {}).map(({ key }) => key)).toEqual(['m2', 'k']);
  });
});
