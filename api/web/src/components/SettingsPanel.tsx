/** Everything a request may say beyond prompt and size, from the lists the server really has. */
import { type ReactNode, useEffect, useId } from 'react';
import { loadOptions } from '../actions/options';
import { useWords } from '../i18n';
import { type Settings, useComposerStore } from '../stores/composerStore';
import { Button } from './Button';
import { Icon } from './Icon';
import { NumberField, SelectField, TextField } from './SettingsFields';

export function SettingsButton({ open, onToggle }: { open: boolean; onToggle: () => void }) {
  const { t, number } = useWords();
  const changed = useComposerStore(changedCount);
  return (
    <button type="button" className="settings-button" aria-expanded={open} aria-controls="settings" onClick={onToggle}>
      <Icon name="sliders" />
      <span className="settings-word">{t.settings}</span>
      {changed > 0 && (
        <span className="badge" title={t.settingsChanged(number(changed))}>
          {number(changed)}
        </span>
      )}
    </button>
  );
}

export function SettingsPanel() {
  const { t } = useWords();
  const reset = useComposerStore((state) => state.resetSettings);
  useEffect(() => void loadOptions(), []);
  return (
    <div className="settings" id="settings">
      <Group>
        <ModelField />
        <ListField name="sampler_name" label={t.sampler} list="samplers" />
        <ListField name="scheduler" label={t.scheduler} list="schedulers" />
      </Group>
      <Group>
        <Numeric name="width" label={t.width} />
        <Numeric name="height" label={t.height} />
        <Numeric name="steps" label={t.steps} />
        <Numeric name="seed" label={t.seed} />
        <Numeric name="distilled_cfg_scale" label={t.distilledCfgScale} />
        <Numeric name="cfg_scale" label={t.cfgScale} />
      </Group>
      <NegativePrompt />
      <Button className="settings-reset" onClick={reset}>
        {t.settingsReset}
      </Button>
    </div>
  );
}

function Group({ children }: { children: ReactNode }) {
  return <div className="settings-group">{children}</div>;
}

function ModelField() {
  const { t } = useWords();
  const models = useComposerStore((state) => state.options?.models) ?? [];
  const value = useComposerStore((state) => state.settings.model ?? '');
  const setSettings = useComposerStore((state) => state.setSettings);
  const offered = models.map((model) => ({ value: model.name, label: model.title }));
  const isOffered = value === '' || models.some((model) => model.name === value);
  const choices = [{ value: '', label: t.modelCurrent }, ...(isOffered ? [] : [{ value, label: value }]), ...offered];
  return <SelectField label={t.model} value={value} choices={choices} onChange={(model) => setSettings({ model: model || undefined })} />;
}

function ListField({ name, label, list }: { name: 'sampler_name' | 'scheduler'; label: string; list: 'samplers' | 'schedulers' }) {
  const options = useComposerStore((state) => state.options);
  const chosen = useComposerStore((state) => state.settings[name]);
  const setSettings = useComposerStore((state) => state.setSettings);
  const standard = options?.defaults[name] ?? '';
  const names = options?.[list] ?? [];
  const value = chosen ?? standard;
  const all = names.includes(value) || !value ? names : [value, ...names];
  const choices = all.map((choice) => ({ value: choice, label: choice }));
  const take = (choice: string): void => setSettings({ [name]: choice === standard ? undefined : choice });
  return <SelectField label={label} value={value} choices={choices} onChange={take} />;
}

type NumericName = 'width' | 'height' | 'steps' | 'seed' | 'cfg_scale' | 'distilled_cfg_scale';

function Numeric({ name, label }: { name: NumericName; label: string }) {
  const { t } = useWords();
  const options = useComposerStore((state) => state.options);
  const chosen = useComposerStore((state) => state.settings[name]);
  const setSettings = useComposerStore((state) => state.setSettings);
  const standard = options?.defaults[name];
  const range = rangeOf(name, options?.limits);
  const isSeed = name === 'seed';
  const shown = chosen ?? (isSeed ? undefined : standard);
  return (
    <NumberField
      label={label}
      value={isSeed && shown === -1 ? undefined : shown}
      placeholder={isSeed ? t.seedRandom : String(standard ?? '')}
      {...range}
      onChange={(value) => setSettings({ [name]: value === standard ? undefined : value } as Settings)}
    />
  );
}

interface Range {
  min: number;
  max: number;
  step: number;
}

function rangeOf(name: NumericName, limits?: { max_steps: number; min_side: number; max_side: number; side_step: number }): Range {
  const side = { min: limits?.min_side ?? 64, max: limits?.max_side ?? 2048, step: limits?.side_step ?? 8 };
  const ranges: Record<NumericName, Range> = {
    width: side,
    height: side,
    steps: { min: 1, max: limits?.max_steps ?? 150, step: 1 },
    seed: { min: -1, max: 2 ** 32 - 1, step: 1 },
    cfg_scale: { min: 1, max: 30, step: 0.5 },
    distilled_cfg_scale: { min: 0, max: 30, step: 0.1 },
  };
  return ranges[name];
}

function NegativePrompt() {
  const { t } = useWords();
  const hint = useId();
  const value = useComposerStore((state) => state.settings.negative_prompt ?? '');
  const cfg = useComposerStore((state) => state.settings.cfg_scale ?? state.options?.defaults.cfg_scale ?? 1);
  const setSettings = useComposerStore((state) => state.setSettings);
  const noEffect = value !== '' && cfg <= 1;
  return (
    <div className="settings-wide">
      <TextField
        label={t.negativePrompt}
        value={value}
        describedBy={noEffect ? hint : undefined}
        onChange={(text) => setSettings({ negative_prompt: text || undefined })}
      />
      {noEffect && (
        <p className="field-hint" id={hint}>
          {t.negativeNoEffect}
        </p>
      )}
    </div>
  );
}

/** Width and height are shown beside the button already. */
function changedCount({ settings, options }: ReturnType<typeof useComposerStore.getState>): number {
  const names = Object.keys(settings) as (keyof Settings)[];
  return names.filter((name) => name !== 'width' && name !== 'height' && settings[name] !== options?.defaults[name]).length;
}
