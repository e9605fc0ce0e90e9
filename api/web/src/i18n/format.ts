/**
 * Numbers, percentages, spans and moments as people of a language write them.
 *
 * Rule: a percent is `45%` in English and `%45` in Turkish, so no code ever glues a sign to a number.
 */
import type { Language } from '../api/types';
import type { Dictionary } from './en';

const cache = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function cached<T extends Intl.NumberFormat | Intl.DateTimeFormat>(key: string, make: () => T): T {
  const known = cache.get(key) ?? make();
  cache.set(key, known);
  return known as T;
}

export function formatNumber(lang: Language, value: number): string {
  return cached(`n:${lang}`, () => new Intl.NumberFormat(lang, { maximumFractionDigits: 1 })).format(value);
}

/** `value` in 0..100. */
export function formatPercent(lang: Language, value: number): string {
  const style = (): Intl.NumberFormat => new Intl.NumberFormat(lang, { style: 'percent', maximumFractionDigits: 0 });
  return cached(`p:${lang}`, style).format(Math.floor(value) / 100);
}

/** A coarse span for estimates: steps of 5 s below a minute, then minutes, then hours. */
export function formatSpan(lang: Language, t: Dictionary, seconds: number): string {
  if (seconds < 57.5) return t.seconds(formatNumber(lang, Math.max(5, Math.round(seconds / 5) * 5)));
  if (seconds < 5370) return t.minutes(formatNumber(lang, Math.max(1, Math.round(seconds / 60))));
  return t.hours(formatNumber(lang, Math.round(seconds / 360) / 10));
}

/** An exact span, for countdowns and for how long a picture took. */
export function formatExactSpan(lang: Language, t: Dictionary, seconds: number): string {
  if (seconds < 10) return t.seconds(formatNumber(lang, Math.round(seconds * 10) / 10));
  if (seconds < 120) return t.seconds(formatNumber(lang, Math.round(seconds)));
  return t.minutes(formatNumber(lang, Math.round(seconds / 60)));
}

/** A countdown: whole seconds, never 0 while it runs. */
export function formatCountdown(lang: Language, t: Dictionary, seconds: number): string {
  const whole = Math.max(1, Math.ceil(seconds));
  return whole < 120 ? t.seconds(formatNumber(lang, whole)) : t.minutes(formatNumber(lang, Math.ceil(whole / 60)));
}

export function formatMoment(lang: Language, iso: string): string {
  const moment = new Date(iso);
  if (Number.isNaN(moment.getTime())) return '';
  const style = (): Intl.DateTimeFormat => new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'short' });
  return cached(`d:${lang}`, style).format(moment);
}
