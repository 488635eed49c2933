// What a process with count.cpp preloaded holds.

import { readFileSync } from 'node:fs';

export interface Counts {
  /** Blocks of memory that were allocated by anybody in the process and not freed. */
  readonly blocks: number;
  readonly megabytes: number;
  /** What the engine has mapped. */
  readonly mappedMegabytes: number;
}

/** The counts of this process; undefined if nobody counts. */
export function counts(): Counts | undefined {
  const path = process.env.FUSOR_COUNTS;
  if (path === undefined) return undefined;
  const file = readFileSync(path);
  const at = (index: number) => Number(file.readBigInt64LE(8 * index));
  return { blocks: at(0), megabytes: at(1) / 2 ** 20, mappedMegabytes: at(2) / 2 ** 20 };
}
