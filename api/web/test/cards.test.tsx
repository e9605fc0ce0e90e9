import { render, screen } from '@testing-library/react';
import { domMin, LazyMotion } from 'framer-motion';
import { Profiler } from 'react';
import { act } from 'react';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Job } from '../src/api/types';
import { ImageProgressCard } from '../src/components/ImageProgressCard';
import { usePreferences } from '../src/i18n';
import { useConnectionStore } from '../src/stores/connectionStore';
import { useImageJobsStore } from '../src/stores/imageJobsStore';
import { complete, drawing, job, message } from './jobs';

const line = { waiting: 7, processing: 1, held: false, paused: false, retry_at: null };

function show(shown: Job): void {
  useImageJobsStore.getState().upsertFromServer([shown]);
  render(
    <LazyMotion features={domMin}>
      <ImageProgressCard message={message({ job: shown })} />
    </LazyMotion>,
  );
}

function text(): string {
  return document.body.textContent ?? '';
}

beforeEach(() => {
  useImageJobsStore.getState().reset();
  useImageJobsStore.setState({ queue: line });
  useConnectionStore.setState({ phase: 'open', online: true });
  usePreferences.setState({ lang: 'en' });
});

describe('ImageProgressCard', () => {
  it('shows a waiting job’s place, estimate and Cancel', () => {
    show(job({ queue_position: 3, queue_total: 7, eta_seconds: 40 }));
    expect(text()).toContain('In line');
    expect(text()).toContain('3 of 7');
    expect(text()).toContain('about 40\u00a0s');
    expect(screen.getByRole('progressbar')).not.toHaveAttribute('aria-valuenow');
    expect(screen.getByRole('button', { name: 'Cancel' })).toBeEnabled();
  });

  it('tells who is next', () => {
    show(job({ queue_position: 1, queue_total: 7 }));
    expect(text()).toContain('You’re next');
    expect(text()).not.toContain('about');
  });

  it('shows no estimate and nothing that moves while held', () => {
    useImageJobsStore.setState({ queue: { ...line, held: true } });
    show(job({ queue_position: 1, queue_total: 7, eta_seconds: 40, placeholder: true, image_url: '/images/placeholder.svg' }));
    expect(text()).toContain('On hold');
    expect(text()).not.toContain('about');
    expect(screen.getByRole('progressbar')).toHaveAttribute('data-still', 'true');
    expect(document.querySelector('.preview')).toHaveAttribute('src', '/images/placeholder.svg');
  });

  it('shows the placeholder as long as it is held, and no longer', () => {
    const queueFrame = { type: 'queue', ...line, jobs: [], server_time: '2026-01-01T12:00:05.000Z' } as const;
    const { applyFrames } = useImageJobsStore.getState();
    const preview = () => document.querySelector('.preview');
    show(job());
    expect(preview()).toBeNull();
    act(() => applyFrames([{ ...queueFrame, jobs: [], held: true }]));
    expect(preview()).toHaveAttribute('src', '/images/placeholder.svg');
    const told = { placeholder: true, stage: 'held', image_url: '/images/placeholder.svg' } as const;
    act(() => applyFrames([{ type: 'image_progress', job: job({ ...told, server_time: '2026-01-01T12:00:06.000Z' }) }]));
    act(() => applyFrames([{ ...queueFrame, jobs: [], server_time: '2026-01-01T12:00:07.000Z' }]));
    expect(preview()).toBeNull();
    act(() => applyFrames([{ type: 'image_progress', job: drawing({ progress: 80 }) }]));
    expect(preview()).toBeNull();
  });

  it('forgets the preview of an attempt that did not end well', () => {
    show(drawing({ preview_url: '/image/job/a/preview?v=4' }));
    act(() => useImageJobsStore.getState().upsertFromServer([drawing({ version: 4, progress: 50 })]));
    expect(document.querySelector('.preview')).toHaveAttribute('src', '/image/job/a/preview?v=4');
    act(() => useImageJobsStore.getState().upsertFromServer([drawing({ attempt: 2, version: 5, progress: 1 })]));
    expect(document.querySelector('.preview')).toBeNull();
  });

  it('says that the line is paused', () => {
    useImageJobsStore.setState({ queue: { ...line, paused: true } });
    show(job({ queue_position: 2, queue_total: 2 }));
    expect(text()).toContain('Paused');
  });

  it('does not count while the model loads', () => {
    show(drawing({ stage: 'loading', progress: 0 }));
    expect(text()).toContain('Getting the model ready');
    expect(screen.getByRole('progressbar')).not.toHaveAttribute('aria-valuenow');
  });

  it('counts while it draws, and sharpens the preview', () => {
    show(drawing({ progress: 45, preview_url: '/image/job/a/preview?v=4' }));
    expect(text()).toContain('45%');
    expect(screen.getByRole('progressbar')).toHaveAttribute('aria-valuenow', '45');
    expect(document.querySelector('.preview')).toHaveStyle('--blur: 6.6px');
  });

  it('never says 100 % before the picture is there', () => {
    show(drawing({ progress: 100 }));
    expect(screen.getByRole('progressbar')).toHaveAttribute('aria-valuenow', '99');
  });

  it('cannot be cancelled any more while it is being stored', () => {
    show(drawing({ stage: 'saving', progress: 96 }));
    expect(text()).toContain('Finishing');
    expect(screen.getByRole('button', { name: 'Cancel' })).toHaveAttribute('aria-disabled', 'true');
  });

  it('says when a cancel takes effect', () => {
    show(drawing({ cancel_requested: true }));
    expect(text()).toContain('stops after the current step');
  });

  it('shows the picture with the prompt as its text, and what can be done', () => {
    show(complete());
    expect(screen.getByAltText('p')).toHaveAttribute('src', '/images/flux_a.png');
    expect(screen.queryByRole('progressbar')).toBeNull();
    expect(screen.getByRole('link', { name: 'Download' })).toHaveAttribute('href', '/images/flux_a.png?download=1');
    for (const name of ['Copy prompt', 'Reuse settings', 'New variation']) expect(screen.getByRole('button', { name })).toBeEnabled();
    expect(text()).toContain('1024 × 1024');
    expect(text()).toContain('seed 7');
  });

  it('says that a picture’s time was over', () => {
    show(complete({ image_url: null, image_expired: true }));
    expect(text()).toContain('removed');
  });

  it('says why it failed, in the language of the page, and offers to try again', () => {
    usePreferences.setState({ lang: 'tr' });
    show(job({ status: 'error', stage: null, error_code: 'stuck', error: 'x', retryable: true }));
    expect(text()).toContain('İşlem zaman aşımına uğradı (Stuck Job Guard)');
    expect(screen.getByRole('button', { name: 'Yeniden dene' })).toBeEnabled();
  });

  it('does not offer to try again what would fail again', () => {
    show(job({ status: 'error', stage: null, error_code: 'forge_rejected', error: 'x', retryable: false }));
    expect(screen.queryByRole('button', { name: 'Try again' })).toBeNull();
    expect(screen.getByRole('button', { name: 'Edit prompt' })).toBeEnabled();
  });

  it('offers a cancelled job again', () => {
    show(job({ status: 'cancelled', stage: null, error_code: 'cancelled' }));
    expect(text()).toContain('Cancelled');
    expect(screen.getByRole('button', { name: 'Try again' })).toBeEnabled();
  });

  it('hides the estimate and greys the bar without news', () => {
    useConnectionStore.setState({ phase: 'waiting' });
    show(drawing({ eta_seconds: 40 }));
    expect(text()).toContain('45%');
    expect(text()).not.toContain('about');
    expect(screen.getByRole('progressbar')).toHaveAttribute('data-still', 'true');
  });

  it('is drawn only for its own job', () => {
    let drawn = 0;
    useImageJobsStore.getState().upsertFromServer([drawing(), drawing({ job_id: 'b' })]);
    const mine = message({ job: drawing() });
    render(
      <Profiler id="card" onRender={() => (drawn += 1)}>
        <ImageProgressCard message={mine} />
      </Profiler>,
    );
    expect(drawn).toBe(1);
    act(() => useImageJobsStore.getState().upsertFromServer([drawing({ job_id: 'b', version: 8, progress: 80 })]));
    expect(drawn).toBe(1);
    act(() => useImageJobsStore.getState().upsertFromServer([drawing({ version: 8, progress: 80 })]));
    expect(drawn).toBe(2);
  });

  it('says in sight that its details could not be copied', async () => {
    Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true });
    show(job({ status: 'error', error_code: 'stuck' }));
    await act(async () => screen.getByText('Copy details').click());
    expect(screen.getByText('Could not copy')).toBeInTheDocument();
  });
});
