/** The last net: a part of the page that could not be drawn. */
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
    if (!this.state.error) return this.props.children;
    const { t } = currentWords();
    return (
      <main className="sign-in" role="alert">
        <p>{t.somethingBroke}</p>
        <Button look="solid" onClick={() => location.reload()}>
          {t.refresh}
        </Button>
      </main>
    );
  }
}
