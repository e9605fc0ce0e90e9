import { describe, expect, it } from 'vitest';
import { usePreferences, wordsIn } from '../src/i18n';
import { en } from '../src/i18n/en';
import { errorSentence } from '../src/i18n/errors';
import errorTexts from '../src/i18n/errorTexts.json';
import { tr } from '../src/i18n/tr';

const words = { en: wordsIn('en'), tr: wordsIn('tr') };

function texts(entry: unknown): string[] {
  if (typeof entry === 'string') return [entry];
  if (typeof entry === 'function') return [(entry as (...values: string[]) => string)('7', '9')];
  return Object.values(entry as object).flatMap(texts);
}

describe('the dictionaries', () => {
  it('have the same keys, of the same kind', () => {
    expect(Object.keys(tr)).toEqual(Object.keys(en));
    const kinds = (dictionary: object): string[] => Object.values(dictionary).map((entry) => typeof entry);
    expect(kinds(tr)).toEqual(kinds(en));
  });

  it.each(Object.entries({ en, tr }))('have no empty text: %s', (_, dictionary) => {
    const empty = Object.entries(dictionary).filter(([, entry]) => texts(entry).some((text) => text.trim() === ''));
    expect(empty).toEqual([]);
  });

  it('say their parameters', () => {
    const silent = Object.entries(tr).filter(([, entry]) => typeof entry === 'function' && !texts(entry)[0]?.includes('7'));
    expect(silent).toEqual([]);
  });

  it('do not share texts, but for names and units', () => {
    const same = Object.keys(en).filter((key) => JSON.stringify(texts(en[key as keyof typeof en])) === JSON.stringify(texts(tr[key as keyof typeof tr])));
    expect(same).toEqual(['demo', 'model']);
  });
});

describe('numbers', () => {
  it.each([
    ['en', 45, '45%'],
    ['tr', 45, '%45'],
    ['en', 45.9, '45%'],
  ] as const)('percent in %s: %s is %s', (lang, value, expected) => {
    expect(words[lang].percent(value)).toBe(expected);
  });

  it.each([
    [0.4, '5\u00a0s', '5\u00a0sn'],
    [12, '10\u00a0s', '10\u00a0sn'],
    [57, '55\u00a0s', '55\u00a0sn'],
    [58, '1\u00a0min', '1\u00a0dk'],
    [130, '2\u00a0min', '2\u00a0dk'],
    [5400, '1.5\u00a0h', '1,5\u00a0sa'],
  ])('an estimate of %s seconds is %s', (seconds, english, turkish) => {
    expect([words.en.span(seconds), words.tr.span(seconds)]).toEqual([english, turkish]);
  });

  it.each([
    [0.2, '1\u00a0s'],
    [39.1, '40\u00a0s'],
    [119, '119\u00a0s'],
    [121, '3\u00a0min'],
  ])('a countdown of %s seconds is %s', (seconds, expected) => {
    expect(words.en.countdown(seconds)).toBe(expected);
  });

  it('what took long is told exactly', () => {
    expect([words.en.exactSpan(4.25), words.en.exactSpan(14.2), words.tr.exactSpan(300)]).toEqual(['4.3\u00a0s', '14\u00a0s', '5\u00a0dk']);
  });
});

describe('error sentences', () => {
  it('are in the language of the page, whatever the language of the job', () => {
    const turkish = 'Forge API zaman aşımına uğradı (240s). Lütfen tekrar deneyin.';
    expect(errorSentence('tr', 'forge_timeout', turkish)).toBe(turkish);
    expect(errorSentence('en', 'forge_timeout', turkish)).toBe('The Forge API timed out (240s). Please try again.');
    expect(errorSentence('tr', 'forge_timeout', 'The Forge API timed out (180s). Please try again.')).toBe(turkish.replace('240', '180'));
  });

  it('keep the server’s words where a number cannot be read back', () => {
    expect(errorSentence('en', 'forge_timeout', 'Something else')).toBe('Something else');
    expect(errorSentence('en', 'forge_timeout', null)).toBe(errorTexts.internal.en);
  });

  it('know what never reached the server', () => {
    expect(errorSentence('tr', 'network', null)).toBe(tr.network);
    expect(errorSentence('en', 'timeout', null)).toBe(en.timeout);
  });

  it('fall back to the server’s text for a code of a later version', () => {
    expect(errorSentence('en', 'brand_new', 'What it says.')).toBe('What it says.');
    expect(errorSentence('en', null, null)).toBe(errorTexts.internal.en);
  });

  it.each(Object.keys(errorTexts))('exist in both languages: %s', (code) => {
    const said = errorTexts[code as keyof typeof errorTexts].en.replace(/\{\w+\}/g, '5');
    expect(errorSentence('en', code, said)).toBe(said);
    expect(errorSentence('tr', code, said)).not.toBe(said);
  });
});

describe('preferences', () => {
  it('are kept in this browser', () => {
    usePreferences.getState().setLang('tr');
    usePreferences.getState().setTheme('dark');
    expect([localStorage.getItem('forgeline:lang'), localStorage.getItem('forgeline:theme')]).toEqual(['tr', 'dark']);
    usePreferences.getState().setLang('en');
    usePreferences.getState().setTheme('auto');
  });
});
