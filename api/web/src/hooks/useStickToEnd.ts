/**
 * A scroller that follows its end for who is there, and leaves everybody else alone.
 *
 * `away` is null at the end, `quiet` further up, `news` when a turn was added meanwhile.
 */
import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from 'react';

export const NEAR_PX = 80;

export type Away = 'quiet' | 'news' | null;

interface StickToEnd {
  scroller: RefObject<HTMLDivElement | null>;
  content: RefObject<HTMLDivElement | null>;
  away: Away;
  toEnd: () => void;
}

/** `place` names what is shown (another place starts at its end); `last` names its last turn: news change it. */
export function useStickToEnd(place: string, last: string): StickToEnd {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const lastNow = useRef(last);
  /** The last turn there was when the reader left the end. */
  const [leftAt, setLeftAt] = useState<string | null>(null);

  useLayoutEffect(() => {
    atEnd.current = true;
    scrollToEnd(scroller.current);
    // oxlint-disable-next-line react/exhaustive-effect-dependencies -- another place starts at its end
  }, [place]);

  useLayoutEffect(() => {
    lastNow.current = last;
    if (atEnd.current) scrollToEnd(scroller.current);
  }, [last]);

  useEffect(() => {
    const box = scroller.current;
    const inner = content.current;
    if (!box || !inner) return undefined;
    let height = box.clientHeight;
    const onScroll = (): void => {
      // the composer or a line above has just taken room: that is not the reader leaving the end
      if (box.clientHeight !== height) return;
      atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight <= NEAR_PX;
      setLeftAt((before) => (atEnd.current ? null : (before ?? lastNow.current)));
    };
    const resized = new ResizeObserver(() => {
      height = box.clientHeight;
      if (atEnd.current) scrollToEnd(box);
    });
    box.addEventListener('scroll', onScroll, { passive: true });
    resized.observe(inner);
    resized.observe(box);
    return () => {
      box.removeEventListener('scroll', onScroll);
      resized.disconnect();
    };
  }, []);

  const away = leftAt === null ? null : last !== leftAt ? 'news' : 'quiet';
  return { scroller, content, away, toEnd: () => scrollToEnd(scroller.current) };
}

function scrollToEnd(box: HTMLDivElement | null): void {
  if (box) box.scrollTop = box.scrollHeight;
}
