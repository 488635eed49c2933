// Makes processes count what they hold: see count.cpp.

import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** False where there is no LD_PRELOAD, and under AddressSanitizer, which replaces malloc itself. */
export const canCount: boolean = process.platform === 'linux' && process.env.LD_PRELOAD === undefined;

/** Builds the library into a new folder; gives the folder and the environment for one process. */
export async function counted(): Promise<{ folder: string; env: Record<string, string> }> {
  const folder = await mkdtemp(join(tmpdir(), 'fusor-count-'));
  const [library, file] = [join(folder, 'count.so'), join(folder, 'counts')];
  const source = join(import.meta.dirname, 'count.cpp');
  const flags = ['-std=c++20', '-O2', '-fPIC', '-shared', '-Wall', '-Werror'];
  await promisify(execFile)('c++', [...flags, source, '-o', library, '-ldl']);
  await writeFile(file, new BigInt64Array(3));
  return { folder, env: { LD_PRELOAD: library, FUSOR_COUNTS: file } };
}
