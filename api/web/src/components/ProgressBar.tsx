/** How far one job is; without a number while nobody can say. The only place of the gradient. */
import type { CSSProperties } from 'react';
import { useWords } from '../i18n';

interface Props {
  prompt: string;
  percent: number | null;
  /** What a person reads beside it. */
  text: string;
  /** Nothing moves: on hold, or no news arrive. */
  still: boolean;
}

export function ProgressBar({ prompt, percent, text, still }: Props) {
  const { t } = useWords();
  const value = percent === null ? {} : { 'aria-valuenow': percent };
  return (
    <div
      role="progressbar"
      className="bar"
      aria-label={t.progressOf(prompt)}
      aria-valuemin={0}
      aria-valuemax={100}
      {...value}
      aria-valuetext={text}
      data-still={still}
      data-indeterminate={percent === null}
    >
      <span className="bar-fill" style={{ '--done': (percent ?? 0) / 100 } as CSSProperties} />
    </div>
  );
}
