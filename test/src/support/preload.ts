// Libraries that are preloaded into Node.js and take malloc's place there.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** False where there is no LD_PRELOAD, and under AddressSanitizer, which replaces malloc itself. */
export const canPreload: boolean = process.platform === 'linux' && process.env.LD_PRELOAD === undefined;

/** Compiles one from a C++ source. */
export async function buildPreload(source: string, library: string): Promise<void> {
  const flags = ['-std=c++20', '-O2', '-fPIC', '-shared', '-Wall', '-Werror'];
  await promisify(execFile)('c++', [...flags, source, '-o', library, '-ldl']);
}
