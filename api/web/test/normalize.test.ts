import { describe, expect, it } from 'vitest';
import { asFrame, asJob, parseFrame } from '../src/realtime/normalize';
import { BASE } from './jobs';

const minimal = { job_id: 'a', status: 'queued' };

describe('asJob', () => {
  it('gives a job of the contract back unchanged', () => {
    expect(asJob(BASE)).toEqual(BASE);
  });

  it.each([
    ['PENDING', 'queued'],
    ['RECEIVED', 'queued'],
    ['RETRY', 'queued'],
    ['STARTED', 'processing'],
    ['PROGRESS', 'processing'],
    ['SUCCESS', 'complete'],
    ['FAILURE', 'error'],
    ['REVOKED', 'cancelled'],
    ['Complete', 'complete'],
    ['FAILED', 'error'],
    ['canceled', 'cancelled'],
    ['processing', 'processing'],
  ])('reads the status %s as %s', (given, expected) => {
    expect(asJob({ ...minimal, status: given })?.status).toBe(expected);
  });

  it('reads camelCase', () => {
    const read = asJob({ jobId: 'a', status: 'queued', queuePosition: 3, queueTotal: 7, messageId: 5, etaSeconds: 12 });
    expect(read).toMatchObject({ job_id: 'a', queue_position: 3, queue_total: 7, message_id: 5, eta_seconds: 12 });
  });

  it.each([
    [-5, 0],
    [45, 45],
    [250, 100],
    ['62', 62],
    [Number.NaN, 0],
    [null, 0],
  ])('brings progress %s to %s', (given, expected) => {
    expect(asJob({ ...minimal, status: 'processing', progress: given })?.progress).toBe(expected);
  });

  it('shows a complete job as whole', () => {
    expect(asJob({ ...minimal, status: 'complete', progress: 99 })?.progress).toBe(100);
  });

  it('marks what carries no version', () => {
    expect(asJob(minimal)).toMatchObject({ attempt: -1, version: -1 });
  });

  it.each([[null], ['text'], [[]], [{}], [{ job_id: 'a' }], [{ job_id: 'a', status: 'dancing' }], [{ job_id: '', status: 'queued' }], [{ status: 'queued' }]])(
    'refuses %j',
    (raw) => {
      expect(asJob(raw)).toBeNull();
    },
  );

  it.each(['https://elsewhere.example/x.png', '//elsewhere.example/x.png', 'javascript:alert(1)', 'data:image/png;base64,AA', 5])(
    'takes pictures from this server alone, not %s',
    (address) => {
      expect(asJob({ ...minimal, image_url: address, preview_url: address })).toMatchObject({ image_url: null, preview_url: null });
    },
  );
});

describe('parseFrame', () => {
  it.each([['not json'], [''], ['[]'], ['null'], ['5'], ['{"type":"dance"}'], [{ size: 1 }], ['{"type":"hello","protocol":2}'], ['{"type":"image_progress","job":{}}']])(
    'drops %s',
    (data) => {
      expect(parseFrame(data)).toBeNull();
    },
  );

  it('reads every frame of the contract', () => {
    const queue = { waiting: 2, processing: 1, held: true, paused: false, retry_at: null };
    expect(asFrame({ type: 'ping', server_time: 't' })).toEqual({ type: 'ping', server_time: 't' });
    expect(asFrame({ type: 'resync' })).toEqual({ type: 'resync' });
    expect(asFrame({ type: 'hello', protocol: 1, user: {}, heartbeat_s: 20, server_time: 't' })?.type).toBe('hello');
    expect(asFrame({ type: 'image_progress', job: BASE })).toEqual({ type: 'image_progress', job: BASE });
    expect(asFrame({ type: 'snapshot', jobs: [BASE, null], queue, truncated: true })).toEqual({ type: 'snapshot', jobs: [BASE], queue, truncated: true });
    const places = [{ job_id: 'a', queue_position: 2, eta_seconds: null }, { queue_position: 1 }];
    expect(asFrame({ type: 'queue', ...queue, jobs: places, server_time: 't' })).toEqual({ type: 'queue', ...queue, jobs: [places[0]], server_time: 't' });
  });
});
