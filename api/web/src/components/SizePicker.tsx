/** The sizes the server offers, as little outlines of what they are. */
import type { SizePreset } from '../api/types';
import { useWords } from '../i18n';
import type { Dictionary } from '../i18n/en';
import { useComposerStore } from '../stores/composerStore';

const ICON_SIDE = 16;

export function SizePicker() {
  const { t } = useWords();
  const options = useComposerStore((state) => state.options);
  const settings = useComposerStore((state) => state.settings);
  const setSettings = useComposerStore((state) => state.setSettings);
  if (!options) return <div className="sizes" />;
  const width = settings.width ?? options.defaults.width;
  const height = settings.height ?? options.defaults.height;
  const listed = options.presets.some((preset) => preset.width === width && preset.height === height);
  const shown = listed ? options.presets : [...options.presets, { name: '', width, height }];
  return (
    <div className="sizes" role="radiogroup" aria-label={t.size}>
      {shown.map((preset) => (
        <Size
          key={`${preset.width}x${preset.height}`}
          preset={preset}
          chosen={preset.width === width && preset.height === height}
          onChoose={() => setSettings({ width: preset.width, height: preset.height })}
        />
      ))}
    </div>
  );
}

function Size({ preset, chosen, onChoose }: { preset: SizePreset; chosen: boolean; onChoose: () => void }) {
  const { t } = useWords();
  const name = sizeName(t, preset.name);
  const size = `${preset.width} × ${preset.height}`;
  return (
    <label className="size" title={`${name} · ${size}`}>
      <input type="radio" className="sr-only" name="size" checked={chosen} onChange={onChoose} aria-label={`${name}, ${size}`} />
      <Outline width={preset.width} height={preset.height} />
      {chosen && <span className="size-name">{size}</span>}
    </label>
  );
}

function Outline({ width, height }: { width: number; height: number }) {
  const scale = (ICON_SIDE - 2) / Math.max(width, height, 1024);
  const w = width * scale;
  const h = height * scale;
  return (
    <svg className="size-icon" viewBox={`0 0 ${ICON_SIDE} ${ICON_SIDE}`} aria-hidden="true">
      <rect x={(ICON_SIDE - w) / 2} y={(ICON_SIDE - h) / 2} width={w} height={h} rx="1.5" />
    </svg>
  );
}

function sizeName(t: Dictionary, name: string): string {
  const names: Readonly<Record<string, string>> = t.sizeNames;
  return names[name] ?? (name || t.sizeCustom);
}
