/**
 * Error sentences in the page's language.
 *
 * Rule: the server's texts are the only source. An answer to a request comes in the page's language
 * already. A job's text was written in the language of the job; so the texts a job can end with are
 * here too (errorTexts.json, generated from the server's and checked by a test), and the parameters
 * are read back out of what was said: switching the language switches the sentence.
 */
import type { Language } from '../api/types';
import { en } from './en';
import texts from './errorTexts.json';
import { tr } from './tr';

type Texts = Readonly<Record<Language, string>>;

const LOCAL: Readonly<Record<string, Texts>> = {
  network: { en: en.network, tr: tr.network },
  timeout: { en: en.timeout, tr: tr.timeout },
};

function isEnd(code: string): code is keyof typeof texts {
  return Object.hasOwn(texts, code);
}

/** The sentence for `code`; `said` is what the server wrote, in whatever language. */
export function errorSentence(lang: Language, code: string | null, said: string | null): string {
  const known = code === null ? undefined : isEnd(code) ? texts[code] : LOCAL[code];
  if (!known) return said ?? texts.internal[lang];
  const params = said === null ? null : paramsOf(known, said);
  const sentence = fill(known[lang], params ?? {});
  return sentence ?? said ?? texts.internal[lang];
}

function paramsOf(known: Texts, said: string): Record<string, string> | null {
  for (const template of Object.values(known)) {
    const match = patternOf(template).exec(said);
    if (match) return { ...match.groups };
  }
  return null;
}

function patternOf(template: string): RegExp {
  const quoted = template.replace(/[.*+?^$()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${quoted.replace(/\{(\w+)\}/g, '(?<$1>.+?)')}$`);
}

/** Null when a parameter is missing: then the server's own words are better. */
function fill(template: string, params: Readonly<Record<string, string>>): string | null {
  const text = template.replace(/\{(\w+)\}/g, (hole, name: string) => params[name] ?? hole);
  return text.includes('{') ? null : text;
}
