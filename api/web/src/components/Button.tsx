/** Buttons of the page: with words, or an icon whose name is told to everyone who cannot see it. */
import type { ComponentPropsWithRef } from 'react';
import { Icon, type IconName } from './Icon';

interface ButtonProps extends Omit<ComponentPropsWithRef<'button'>, 'type'> {
  look?: 'plain' | 'solid' | 'outline' | 'danger';
  icon?: IconName;
}

export function Button({ look = 'plain', icon, children, className = '', ...rest }: ButtonProps) {
  return (
    <button type="button" className={`button button-${look} ${className}`} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<ComponentPropsWithRef<'button'>, 'type' | 'children'> {
  icon: IconName;
  label: string;
}

export function IconButton({ icon, label, className = '', ...rest }: IconButtonProps) {
  return (
    <button type="button" className={`icon-button ${className}`} aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  );
}
