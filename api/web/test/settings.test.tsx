import { fireEvent, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { reuse } from '../src/actions/submit';
import type { GenerationParams } from '../src/api/types';
import { SettingsButton, SettingsPanel } from '../src/components/SettingsPanel';
import { usePreferences } from '../src/i18n';
import { useComposerStore } from '../src/stores/composerStore';
import { complete } from './jobs';

const STANDARD: GenerationParams = {
  negative_prompt: '',
  width: 1024,
  height: 1024,
  steps: 20,
  cfg_scale: 1,
  distilled_cfg_scale: 3.5,
  sampler_name: 'Euler',
  scheduler: 'Simple',
  seed: -1,
  model: null,
};
const limits = { max_prompt_chars: 2000, max_pixels: 4_194_304, max_steps: 150, min_side: 64, max_side: 2048, side_step: 8 };

beforeEach(() => {
  usePreferences.setState({ lang: 'en' });
  const options = { samplers: ['Euler'], schedulers: ['Simple'], models: [], defaults: STANDARD, limits, presets: [], demo: true };
  useComposerStore.setState({ draft: '', settings: {}, options });
});

describe('the settings of an earlier picture', () => {
  const used = { ...STANDARD, seed: 3_000_000_000, steps: 30 };

  it('are taken as they were: what was set since then does not stay among them', () => {
    useComposerStore.getState().setSettings({ negative_prompt: 'hands', model: 'other' });
    reuse(complete({ params: used }));
    expect(useComposerStore.getState().settings).toMatchObject({ steps: 30, seed: 3_000_000_000 });
    expect(useComposerStore.getState().settings).not.toHaveProperty('negative_prompt');
    expect(useComposerStore.getState().settings).not.toHaveProperty('model');
  });

  it('are counted where they differ from the defaults', async () => {
    render(<SettingsButton open={false} onToggle={() => undefined} />);
    reuse(complete({ params: used }));
    expect(await screen.findByTitle('2 changed')).toHaveTextContent('2');
  });
});

describe('the seed', () => {
  it.each([
    ['-1', undefined],
    ['4294967295', 4_294_967_295],
    ['3000000000', 3_000_000_000],
    ['0', 0],
  ])('%s is taken as %s', async (typed, taken) => {
    render(<SettingsPanel />);
    await userEvent.click(screen.getByLabelText('Seed'));
    fireEvent.change(screen.getByLabelText('Seed'), { target: { value: typed } });
    fireEvent.blur(screen.getByLabelText('Seed'));
    expect(useComposerStore.getState().settings.seed).toBe(taken);
  });
});
