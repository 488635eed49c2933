import { type DeviceOption, measurePeak } from '@fusor/native';
import type { Bandwidth, Ceiling } from '../results/types.ts';
import { readCaches } from './caches.ts';
import { CopyPool } from './copy.ts';

/** How long a thread copies at each level. */
const copyMilliseconds = 60;

/** Windows of each measurement; the best counts, as other work can only lower it. */
const windows = 3;

/** What the machine can do at most on each number of threads: multiply-adds in registers, and copies. */
export async function measureCeilings(
  threadCounts: readonly number[],
  device: DeviceOption = 'cpu',
): Promise<Ceiling[]> {
  const ceilings: Ceiling[] = [];
  for (const threads of threadCounts) {
    const bandwidths = await measureBandwidths(threads);
    ceilings.push({ threads, peakGflops: await bestPeak(threads, device), bandwidths });
  }
  return ceilings;
}

/** The greatest of several measurements of the peak. */
export async function bestPeak(threads: number, device: DeviceOption = 'cpu'): Promise<number> {
  let best = 0;
  for (let window = 0; window < windows; ++window) {
    best = Math.max(best, await measurePeak({ threads, device }));
  }
  return best;
}

async function measureBandwidths(threads: number): Promise<Bandwidth[]> {
  const caches = await readCaches();
  // Source and target together take three quarters of a private cache, half of the shared one, and for the memory
  // four times what the caches hold.
  const levels = [
    { level: 'L1', bytes: 0.75 * caches.L1 * threads },
    { level: 'L2', bytes: 0.75 * caches.L2 * threads },
    { level: 'L3', bytes: 0.5 * caches.L3 },
    { level: 'DRAM', bytes: Math.max(4 * caches.L3, 128 * 2 ** 20) },
  ] as const;
  const pool = new CopyPool(threads);
  try {
    const bandwidths: Bandwidth[] = [];
    for (const { level, bytes } of levels) {
      let best = Number.POSITIVE_INFINITY;
      for (let window = 0; window < windows; ++window) {
        best = Math.min(best, await pool.measure(bytes, copyMilliseconds));
      }
      bandwidths.push({ level, bytes: Math.round(bytes), copy: bytes / best / 1e6 });
    }
    return bandwidths;
  } finally {
    await pool.close();
  }
}
