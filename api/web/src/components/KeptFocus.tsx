/**
 * Keeps the keyboard where it is: when the button that had the focus goes away with its stage, the
 * first one of the next stage takes it over.
 */
import { type FocusEvent, type ReactNode, useLayoutEffect, useRef } from 'react';

export function KeptFocus({ stage, children }: { stage: string; children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  const inside = useRef(false);
  useLayoutEffect(() => {
    const lost = inside.current && (document.activeElement === null || document.activeElement === document.body);
    if (lost) box.current?.querySelector<HTMLElement>('button, a[href]')?.focus();
    // oxlint-disable-next-line react/exhaustive-effect-dependencies -- looks once for each stage
  }, [stage]);
  const onBlur = (event: FocusEvent): void => {
    // a button that is taken away is blurred as well; that is not the reader leaving
    if (event.target.isConnected) inside.current = false;
  };
  return (
    <div ref={box} onFocus={() => (inside.current = true)} onBlur={onBlur}>
      {children}
    </div>
  );
}
