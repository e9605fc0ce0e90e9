/** The first thing anybody sees: what this is for, and a way to begin. */
import { useWords } from '../i18n';
import { focusPrompt, useComposerStore } from '../stores/composerStore';

export function Greeting() {
  const { t } = useWords();
  return (
    <div className="greeting">
      <h1 tabIndex={-1}>{t.greeting}</h1>
      <p>{t.greetingSub}</p>
    </div>
  );
}

export function Examples() {
  const { t } = useWords();
  const take = (example: string): void => {
    useComposerStore.getState().setDraft(example);
    focusPrompt();
  };
  return (
    <ul className="examples" aria-label={t.examplesLabel}>
      {t.examples.map((example) => (
        <li key={example}>
          <button type="button" className="example" onClick={() => take(example)}>
            {example}
          </button>
        </li>
      ))}
    </ul>
  );
}
