/**
 * What the composer holds: the draft, the chosen settings, and why it may not send right now.
 *
 * Rule: a draft is never lost. It lives in this tab's storage, a refused submission brings its text
 * back, and somebody else who signs in takes its place only until its owner is here again.
 */
import { create } from 'zustand';
import type { GenerationParams, Options } from '../api/types';
import { attempt } from './attempt';

export interface Notice {
  code: string;
  said: string | null;
  faults: readonly { field: string; message: string }[];
  since: number;
  /** When sending is allowed again; null when it is allowed already. */
  until: number | null;
}

export type Settings = Partial<GenerationParams>;

interface Store {
  draft: string;
  settings: Settings;
  options: Options | null;
  notice: Notice | null;
  setDraft: (draft: string) => void;
  /** Undefined takes the server's default again. */
  setSettings: (change: Settings) => void;
  resetSettings: () => void;
  setOptions: (options: Options) => void;
  setNotice: (notice: Notice | null) => void;
  /** Lay the draft away for its owner. */
  putAside: (userId: string) => void;
  /** Bring it back, once; what has been typed since comes first. */
  takeUp: (userId: string) => void;
  /** Keep nothing of the person who leaves. */
  forget: () => void;
}

const DRAFT_KEY = 'forgeline:draft';
const SETTINGS_KEY = 'forgeline:settings';
/** Above the store, which reads the settings as soon as it is made. */
const EXPECTED: Readonly<Record<string, string>> = {
  negative_prompt: 'string',
  width: 'number',
  height: 'number',
  steps: 'number',
  cfg_scale: 'number',
  distilled_cfg_scale: 'number',
  seed: 'number',
  sampler_name: 'string',
  scheduler: 'string',
  model: 'string',
};

export const useComposerStore = create<Store>()((set, get) => ({
  draft: attempt(() => sessionStorage.getItem(DRAFT_KEY)) ?? '',
  settings: readSettings(),
  options: null,
  notice: null,
  setDraft: (draft) => {
    attempt(() => sessionStorage.setItem(DRAFT_KEY, draft));
    set({ draft });
  },
  setSettings: (change) => set((state) => ({ settings: kept({ ...state.settings, ...change }) })),
  resetSettings: () => set({ settings: kept({}) }),
  setOptions: (options) => set({ options }),
  setNotice: (notice) => set({ notice }),
  putAside: (userId) => attempt(() => sessionStorage.setItem(asideKey(userId), get().draft)),
  takeUp: (userId) => {
    const aside = attempt(() => sessionStorage.getItem(asideKey(userId)));
    attempt(() => sessionStorage.removeItem(asideKey(userId)));
    if (aside && !get().draft) get().setDraft(aside);
  },
  forget: () => {
    attempt(() => sessionStorage.removeItem(DRAFT_KEY));
    set({ draft: '', settings: kept({}), notice: null });
  },
}));

function asideKey(userId: string): string {
  return `${DRAFT_KEY}:${userId}`;
}

/** To where a prompt is typed. */
export function focusPrompt(): void {
  document.querySelector<HTMLElement>('#prompt')?.focus();
}

/** The settings as a request names them: only what differs from nothing at all. */
function kept(settings: Settings): Settings {
  const chosen = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Settings;
  const { seed: _once, ...lasting } = chosen;
  attempt(() => localStorage.setItem(SETTINGS_KEY, JSON.stringify(lasting)));
  return chosen;
}

function readSettings(): Settings {
  return settingsIn(attempt(() => JSON.parse(localStorage.getItem(SETTINGS_KEY) ?? '{}') as unknown));
}

/** What a request may name, out of what was kept or what a job was made with; nothing else, nothing empty. */
export function settingsIn(raw: unknown): Settings {
  return Object.fromEntries(Object.entries(raw ?? {}).filter(([name, value]) => value !== '' && typeof value === EXPECTED[name])) as Settings;
}
