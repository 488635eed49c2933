import { createRequire } from 'node:module';
import { FusorError } from '@fusor/errors';
import type { Addon } from './addon.ts';
import { type Attempt, explain } from './load-failure.ts';
import { currentPlatform, type Platform } from './platform.ts';
import { expectedVersion } from './version.ts';

// A bundler that makes CommonJS of this module leaves no import.meta.url, but then there is a __filename.
const require = createRequire((import.meta.url as string | undefined) ?? __filename);

/** The prebuilt addon. Every name is a literal, so that tools that trace or bundle files see it. */
function requirePrebuilt(platform: Platform): unknown {
  switch (platform.name) {
    case 'linux-x64-gnu':
      return require('@fusor/native-linux-x64-gnu/fusor.node');
    case 'linux-x64-musl':
      return require('@fusor/native-linux-x64-musl/fusor.node');
    case 'linux-arm64-gnu':
      return require('@fusor/native-linux-arm64-gnu/fusor.node');
    case 'darwin-arm64':
      return require('@fusor/native-darwin-arm64/fusor.node');
    case 'darwin-x64':
      return require('@fusor/native-darwin-x64/fusor.node');
    case 'win32-x64-msvc':
      return require('@fusor/native-win32-x64-msvc/fusor.node');
    default:
      throw new Error('there is no prebuilt package for this platform');
  }
}

/** What is tried, in this order. A path given in the environment is what the user wants: nothing else is tried then. */
function candidates(platform: Platform): { readonly name: string; readonly load: () => unknown }[] {
  const override = process.env.FUSOR_NATIVE_PATH;
  if (override !== undefined && override !== '') {
    return [{ name: `FUSOR_NATIVE_PATH=${override}`, load: () => require(override) }];
  }
  return [
    { name: '@fusor/native/lib/fusor.node', load: () => require('../../lib/fusor.node') },
    { name: `@fusor/native-${platform.name}`, load: () => requirePrebuilt(platform) },
  ];
}

function checked(loaded: unknown): Addon {
  const found = loaded as Addon;
  const version = found.version();
  if (version === expectedVersion) return found;
  throw new Error(`is of version ${version}, but @fusor/native is ${expectedVersion}`);
}

/** Loads `fusor.node`, or throws an error that lists what was tried and how to mend it. */
export function loadAddon(): Addon {
  const platform = currentPlatform();
  const attempts: Attempt[] = [];
  for (const { name, load } of candidates(platform)) {
    try {
      return checked(load());
    } catch (error) {
      attempts.push({ name, error });
    }
  }
  throw new FusorError(explain(platform, attempts), 'ERR_FUSOR_LOAD', { cause: attempts.at(-1)?.error });
}
