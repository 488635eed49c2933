// Makes processes count what they hold: see count.cpp.

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPreload } from '../support/preload.ts';

/** Builds the library into a new folder; gives the folder and the environment for one process. */
export async function counted(): Promise<{ folder: string; env: Record<string, string> }> {
  const folder = await mkdtemp(join(tmpdir(), 'fusor-count-'));
  const [library, file] = [join(folder, 'count.so'), join(folder, 'counts')];
  await buildPreload(join(import.meta.dirname, 'count.cpp'), library);
  await writeFile(file, new BigInt64Array(3));
  return { folder, env: { LD_PRELOAD: library, FUSOR_COUNTS: file } };
}
