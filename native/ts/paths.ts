import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { FusorError } from '@fusor/errors';
import { currentPlatform } from './addon/platform.ts';

/**
 * The folder with `include/`, `lib/` and `lib/cmake/fusor/` that belong to the native part that `@fusor/native` loads: in the
 * same order, `FUSOR_NATIVE_PATH`, what was built in this package, the prebuilt package.
 */
function findPrefix(): string {
  const override = process.env.FUSOR_NATIVE_PATH;
  if (override !== undefined && override !== '') return resolve(dirname(override), '..');
  const own = join(import.meta.dirname, '..');
  if (existsSync(join(own, 'lib', 'fusor.node'))) return own;
  const name = `@fusor/native-${currentPlatform().name}`;
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch (error) {
    throw new FusorError(
      `there is no native part of @fusor/native to link with: ${name} is not installed`,
      'ERR_FUSOR_LOAD',
      { cause: error },
    );
  }
}

/** What CMake takes as `CMAKE_PREFIX_PATH`. */
export const prefix: string = findPrefix();
/** Where `fusor/fusor.h` lies. */
export const includeDirectory: string = join(prefix, 'include');
/** Where `libfusor` lies. */
export const libraryDirectory: string = join(prefix, 'lib');
/** What CMake takes as `fusor_DIR`: `node -p "require('@fusor/native/paths').cmakeDirectory"`. */
export const cmakeDirectory: string = join(libraryDirectory, 'cmake', 'fusor');
