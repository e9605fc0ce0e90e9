/** The first lines that run: language and theme before anything is drawn, then the page. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { viewOfAddress } from './actions/conversations';
import { App } from './App';
import { ErrorBoundary } from './components/ErrorBoundary';
import { reflectPreferences } from './i18n';
import { useChatStore } from './stores/chatStore';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/welcome.css';
import './styles/banners.css';
import './styles/sign-in.css';
import './styles/shell-small.css';
import './styles/sidebar.css';
import './styles/composer.css';
import './styles/queue.css';
import './styles/composer-small.css';
import './styles/card.css';
import './styles/ended.css';
import './styles/lightbox.css';
import './styles/card-small.css';
import './styles/motion.css';
import './styles/contrast.css';

reflectPreferences();
useChatStore.getState().show(viewOfAddress());

const root = document.querySelector('#root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <ErrorBoundary>
        <App />
      </ErrorBoundary>
    </StrictMode>,
  );
}
