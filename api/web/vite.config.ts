/** How the page is built, served while developing, and tested. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { buildInfo } from './buildInfo.ts';

const API = process.env['FORGELINE_URL'] ?? 'http://127.0.0.1:8000';
const API_PATHS = '^/(image|images|conversations|me|session|queue|healthz|readyz)(/|$|\\?)';
/** What the packages look for and no browser of this page has. */
const ABSENT = [
  '__REACT_DEVTOOLS_GLOBAL_HOOK__', // looks into `npm run dev` all the same
  'process',
  'setImmediate',
  'document.documentMode',
  'window.MotionHandoffAnimation', // for pages drawn by a server
  'window.MotionHandoffIsComplete',
  'window.MotionHandoffMarkAsComplete',
  'window.MotionHasOptimisedAnimation',
  'window.MotionCheckAppearSync',
];

export default defineConfig({
  plugins: [react(), buildInfo()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // the content security policy allows files of our own, nothing inline
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      transform: { define: Object.fromEntries(ABSENT.map((name) => [name, 'undefined'])) },
      // reading a property or a global changes nothing, here and in the packages
      treeshake: { propertyReadSideEffects: false, unknownGlobalSideEffects: false },
      output: {
        // React and the animation library change rarely: a file of their own stays in caches
        codeSplitting: { groups: [{ name: 'vendor', test: /node_modules/ }] },
      },
    },
  },
  server: {
    proxy: {
      [API_PATHS]: { target: API, changeOrigin: true },
      '/ws': { target: API, ws: true, changeOrigin: true },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['test/**/*.test.{ts,tsx}'],
    setupFiles: ['test/setup.ts'],
    restoreMocks: true,
  },
});
