/**
 * Writes dist/build.json: the SHA-256 of every file the bundle is made from.
 *
 * Rule: a committed bundle is only worth something if a test can tell that it is stale, so the
 * list is recomputed by tests/unit/test_web_bundle.py without Node. No date, no path, no version
 * of the machine goes in: the same sources give the same bytes.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

const SINGLE_FILES = ['buildInfo.ts', 'index.html', 'package-lock.json', 'package.json', 'tsconfig.json', 'vite.config.ts'];

function filesBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(root, path) : [path];
  });
}

export function sourceHashes(root: string): Record<string, string> {
  const paths = [...SINGLE_FILES, ...filesBelow(root, 'src')].sort();
  const digest = (path: string): string => createHash('sha256').update(readFileSync(join(root, path))).digest('hex');
  return Object.fromEntries(paths.map((path) => [path, digest(path)]));
}

export function buildInfo(): Plugin {
  let root = '';
  let outDir = '';
  return {
    name: 'forgeline-build-info',
    apply: 'build',
    configResolved(config) {
      root = config.root;
      outDir = config.build.outDir;
    },
    writeBundle(options) {
      const target = join(options.dir ?? join(root, outDir), 'build.json');
      writeFileSync(target, `${JSON.stringify({ sources: sourceHashes(root) }, null, 1)}\n`);
    },
  };
}
