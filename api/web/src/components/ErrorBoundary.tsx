/** The last net: a part of the page that could not be drawn, or a file of an older version that is gone. */
import { Component, type ReactNode } from 'react';
import { currentWords } from '../i18n';
import { Button } from './Button';

interface State {
  error: Error | null;
}

export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    const { t } = currentWords();
    const outdated = /dynamically imported module|module script/i.test(error.message);
    return (
      <main className="sign-in" role="alert">
        <p>{outdated ? t.pageUpdated : t.somethingBroke}</p>
        <Button look="solid" onClick={() => location.reload()}>
          {t.refresh}
        </Button>
      </main>
    );
  }
}
