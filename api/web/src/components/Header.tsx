/** The top of the page: whose it is, what kind of pictures these are, language and theme. */
import { useState } from 'react';
import { type Theme, usePreferences, useWords } from '../i18n';
import { useComposerStore } from '../stores/composerStore';
import { IconButton } from './Button';
import type { IconName } from './Icon';

export function Header({ onMenu, menuOpen }: { onMenu: (() => void) | null; menuOpen: boolean }) {
  const { t } = useWords();
  return (
    <header className="header">
      {onMenu && (
        <IconButton
          icon="menu"
          className="menu-button"
          label={menuOpen ? t.hideConversations : t.showConversations}
          aria-expanded={menuOpen}
          aria-controls="sidebar"
          onClick={onMenu}
        />
      )}
      <Brand />
      <DemoBadge />
      <div className="header-tools">
        <NotifyButton />
        <LanguageButton />
        <ThemeButton />
      </div>
    </header>
  );
}

function Brand() {
  return (
    <p className="brand">
      <svg className="brand-mark" viewBox="0 0 28 12" aria-hidden="true">
        <circle cx="6" cy="6" r="5" className="brand-first" />
        <circle cx="17" cy="6" r="3.2" />
        <circle cx="24.5" cy="6" r="1.9" />
      </svg>
      Forgeline
    </p>
  );
}

function DemoBadge() {
  const { t } = useWords();
  const demo = useComposerStore((state) => state.options?.demo === true);
  return demo ? (
    <p className="demo-badge" title={t.demoExplained}>
      {t.demo} <span className="demo-word">{t.demoRenderer}</span>
    </p>
  ) : null;
}

function LanguageButton() {
  const { t, lang } = useWords();
  const setLang = usePreferences((state) => state.setLang);
  const other = lang === 'en' ? 'tr' : 'en';
  const code = other === 'en' ? 'EN' : 'TR';
  return (
    <button type="button" className="text-tool" aria-label={`${code}: ${t.languageLabel}`} title={t.languageLabel} onClick={() => setLang(other)}>
      <span lang="en">{code}</span>
    </button>
  );
}

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' };
const THEME_ICONS: Readonly<Record<Theme, IconName>> = { auto: 'contrast', light: 'sun', dark: 'moon' };

function ThemeButton() {
  const { t } = useWords();
  const theme = usePreferences((state) => state.theme);
  const setTheme = usePreferences((state) => state.setTheme);
  const names: Record<Theme, string> = { auto: t.themeAuto, light: t.themeLight, dark: t.themeDark };
  return <IconButton icon={THEME_ICONS[theme]} label={t.themeLabel(names[theme])} onClick={() => setTheme(NEXT_THEME[theme])} />;
}

/** Offered only where the browser can still be asked, or has said yes. */
function NotifyButton() {
  const { t } = useWords();
  const [permission, setPermission] = useState(() => ('Notification' in window ? Notification.permission : 'denied'));
  if (permission === 'denied') return null;
  const granted = permission === 'granted';
  const ask = async (): Promise<void> => setPermission(await Notification.requestPermission());
  return (
    <IconButton
      icon={granted ? 'bellOn' : 'bell'}
      label={granted ? t.notifyOn : t.notifyOff}
      aria-pressed={granted}
      onClick={() => void (granted ? undefined : ask())}
    />
  );
}
