/** Short facts in a row; the dots between them are text: copied, read aloud and wrapped as such. */
export function dotted(parts: readonly (string | null | false)[]): string {
  return parts.filter((part) => typeof part === 'string').join(' · ');
}
