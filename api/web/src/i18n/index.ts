/**
 * The language and theme a person chose, and the hook that gives components their words.
 *
 * Rule: the browser's language decides until someone chooses; English where it is neither of ours.
 */
import { create } from 'zustand';
import type { Language } from '../api/types';
import { attempt } from '../stores/attempt';
import { type Dictionary, en } from './en';
import { errorSentence } from './errors';
import { formatCountdown, formatExactSpan, formatMoment, formatNumber, formatPercent, formatSpan } from './format';
import { tr } from './tr';

export type Theme = 'auto' | 'light' | 'dark';

interface Preferences {
  lang: Language;
  theme: Theme;
  setLang: (lang: Language) => void;
  setTheme: (theme: Theme) => void;
}

const DICTIONARIES: Readonly<Record<Language, Dictionary>> = { en, tr };
const LANG_KEY = 'forgeline:lang';
const THEME_KEY = 'forgeline:theme';

export const usePreferences = create<Preferences>()((set) => ({
  lang: savedOr(LANG_KEY, ['en', 'tr'], browserLanguage()),
  theme: savedOr(THEME_KEY, ['auto', 'light', 'dark'], 'auto'),
  setLang: (lang) => {
    save(LANG_KEY, lang);
    set({ lang });
  },
  setTheme: (theme) => {
    save(THEME_KEY, theme);
    set({ theme });
  },
}));

export interface Words {
  lang: Language;
  t: Dictionary;
  number: (value: number) => string;
  percent: (value: number) => string;
  span: (seconds: number) => string;
  exactSpan: (seconds: number) => string;
  countdown: (seconds: number) => string;
  moment: (iso: string) => string;
  error: (code: string | null, said: string | null) => string;
}

const words: Readonly<Record<Language, Words>> = { en: wordsIn('en'), tr: wordsIn('tr') };

export function useWords(): Words {
  return words[usePreferences((state) => state.lang)];
}

/** For code outside components. */
export function currentWords(): Words {
  return words[usePreferences.getState().lang];
}

export function wordsIn(lang: Language): Words {
  const t = DICTIONARIES[lang];
  return {
    lang,
    t,
    number: (value) => formatNumber(lang, value),
    percent: (value) => formatPercent(lang, value),
    span: (seconds) => formatSpan(lang, t, seconds),
    exactSpan: (seconds) => formatExactSpan(lang, t, seconds),
    countdown: (seconds) => formatCountdown(lang, t, seconds),
    moment: (iso) => formatMoment(lang, iso),
    error: (code, said) => errorSentence(lang, code, said),
  };
}

/** Keep `<html lang>` and `data-theme` true; called before the first drawing and on every change. */
export function reflectPreferences(): void {
  const apply = ({ lang, theme }: Preferences): void => {
    const root = document.documentElement;
    root.lang = lang;
    if (theme === 'auto') delete root.dataset['theme'];
    else root.dataset['theme'] = theme;
  };
  apply(usePreferences.getState());
  usePreferences.subscribe(apply);
}

function browserLanguage(): Language {
  const known = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag === 'en' || tag === 'tr');
  return (known as Language | undefined) ?? 'en';
}

function savedOr<T extends string>(key: string, allowed: readonly T[], otherwise: T): T {
  const saved = attempt(() => localStorage.getItem(key)) as T | null;
  return saved !== null && allowed.includes(saved) ? saved : otherwise;
}

/** A private window may refuse; the choice then lasts as long as the page. */
function save(key: string, value: string): void {
  attempt(() => localStorage.setItem(key, value));
}
