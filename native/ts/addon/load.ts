import { createRequire } from 'node:module';
import { FusorError } from '@fusor/errors';
import type { Addon } from './addon.ts';

const require = createRequire(import.meta.url);

// Paths are literals, so that bundlers see them. Where binaries come in packages per platform, theirs go here too.
const candidates: readonly { readonly path: string; readonly load: () => unknown }[] = [
  { path: '@fusor/native/lib/fusor.node', load: () => require('../../lib/fusor.node') },
];

/** Loads `fusor.node`, or throws an error that lists what was tried and how to mend it. */
export function loadAddon(): Addon {
  const tried: string[] = [];
  for (const { path, load } of candidates) {
    try {
      return load() as Addon;
    } catch (error) {
      tried.push(`  ${path}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
  }
  throw new FusorError(
    [
      `the native part of @fusor/native could not be loaded on ${process.platform}-${process.arch} (Node ${process.version}); tried`,
      ...tried,
      'In a checkout, build it with: npm run build',
      `Elsewhere, install it for this platform with: npm install @fusor/native --os=${process.platform} --cpu=${process.arch}`,
    ].join('\n'),
    'ERR_FUSOR_LOAD',
  );
}
