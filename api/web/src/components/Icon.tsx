/** The page's icons: one 20 × 20 grid, one stroke, the colour of the text around them. */
import { memo } from 'react';

const PATHS = {
  plus: 'M10 4v12M4 10h12',
  close: 'm5 5 10 10M15 5 5 15',
  menu: 'M3 6h14M3 10h14M3 14h9',
  send: 'M10 16V4m0 0L5 9m5-5 5 5',
  sliders: 'M3 6h8m4 0h2M3 14h2m4 0h8M13 4v4M7 12v4',
  expand: 'M12 3h5v5m0-5-6 6M8 17H3v-5m0 5 6-6',
  download: 'M10 3v9m0 0 4-4m-4 4L6 8M4 16h12',
  copy: 'M7 7V4.5A1.5 1.5 0 0 1 8.5 3h7A1.5 1.5 0 0 1 17 4.5v7a1.5 1.5 0 0 1-1.5 1.5H13M4.5 7h7A1.5 1.5 0 0 1 13 8.5v7a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 3 15.5v-7A1.5 1.5 0 0 1 4.5 7Z',
  picture: 'M4.5 4h11A1.5 1.5 0 0 1 17 5.5v9a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 3 14.5v-9A1.5 1.5 0 0 1 4.5 4Zm-1 9.5L8 9.5l3.5 3.5 2-1.8 3 2.8M13 8h.01',
  reuse: 'M4 12.5 13 3.5l3.5 3.5-9 9H4v-3.5ZM11 5.5 14.5 9',
  again: 'M16 8a6.2 6.2 0 1 0 .3 3.5M16.5 3.5V8H12',
  trash: 'M4 6h12M8 6V4h4v2m-6.5 0 .7 10h7.6l.7-10M8.5 9v4.5m3-4.5v4.5',
  check: 'm4 10.5 4 4 8-9',
  alert: 'M10 3 2.5 16.5h15L10 3Zm0 5.5v4m0 2h.01',
  down: 'M10 4v12m0 0-5-5m5 5 5-5',
  sun: 'M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7ZM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1',
  moon: 'M16.5 11.8A7 7 0 1 1 8.2 3.5a5.6 5.6 0 0 0 8.3 8.3Z',
  contrast: 'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14Zm0 0v14M10 6.5h4.5M10 10h7M10 13.5h4.5',
  bell: 'M5 14V9.5a5 5 0 0 1 10 0V14l1.2 1H3.8L5 14Zm3.5 3h3',
  bellOn: 'M5 14V9.5a5 5 0 0 1 10 0V14l1.2 1H3.8L5 14Zm3.5 3h3M2.5 8A7.5 7.5 0 0 1 5 3.5M17.5 8A7.5 7.5 0 0 0 15 3.5',
  leave: 'M8 4H4.5v12H8M8 10h9m0 0-3.5-3.5M17 10l-3.5 3.5',
  pause: 'M7 5v10M13 5v10',
  cloudOff: 'M6.5 15.5h8a3 3 0 0 0 .8-5.9A5 5 0 0 0 6 8a3.8 3.8 0 0 0 .5 7.5ZM3 3l14 14',
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = memo(function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
});
