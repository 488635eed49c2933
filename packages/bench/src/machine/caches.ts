import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Data caches that a core sees, in bytes. */
export interface Caches {
  readonly L1: number;
  readonly L2: number;
  readonly L3: number;
}

/** What most cores of today have at least, where the system does not tell. */
const assumed: Caches = { L1: 32 * 2 ** 10, L2: 512 * 2 ** 10, L3: 8 * 2 ** 20 };

/** The sizes of the first core's caches as the system tells them. */
export async function readCaches(folder = '/sys/devices/system/cpu/cpu0/cache'): Promise<Caches> {
  const found = new Map<string, number>();
  try {
    for (const entry of await readdir(folder)) {
      if (!entry.startsWith('index')) continue;
      const read = async (name: string) => (await readFile(join(folder, entry, name), 'utf8')).trim();
      if ((await read('type')) === 'Instruction') continue;
      found.set(`L${await read('level')}`, parseSize(await read('size')));
    }
  } catch {
    // Not Linux, or hidden: what was found so far counts.
  }
  return {
    L1: found.get('L1') ?? assumed.L1,
    L2: found.get('L2') ?? assumed.L2,
    L3: found.get('L3') ?? found.get('L2') ?? assumed.L3,
  };
}

/** `32K`, `32768K`, `8M` */
export function parseSize(text: string): number {
  const [, digits = '0', unit = ''] = /^(\d+)([KMG]?)/.exec(text) ?? [];
  return Number(digits) * { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[unit as '' | 'K' | 'M' | 'G'];
}
