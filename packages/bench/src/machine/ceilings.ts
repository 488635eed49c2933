import { type DeviceOption, measurePeak } from '@fusor/native';
import type { Bandwidth, Ceiling } from '../results/types.ts';
import { readCaches } from './caches.ts';
import { CopyPool } from './copy.ts';
import type { Traffic } from './copy-worker.ts';
import { measureDeviceMemory } from './device-memory.ts';
import { measureTensorCores } from './tensor-cores.ts';

/** How long a thread copies or reads in one window. */
const copyMilliseconds = 20;

/** Windows of each measurement; the best counts, as other work can only lower it. */
const windows = 3;

/**
 * What the machine can do at most on each number of threads: multiply-adds in registers, and traffic at each level of
 * memory; of a GPU, where threads do not matter, its tensor cores, its L2 and its own memory.
 */
export async function measureCeilings(
  threadCounts: readonly number[],
  device: DeviceOption = 'cpu',
): Promise<Ceiling[]> {
  const ceilings: Ceiling[] = [];
  const ofDevice = device === 'cpu' ? undefined : await measureDeviceMemory(device);
  const tensorGflops = device === 'cpu' ? undefined : await measureTensorCores(device);
  for (const threads of threadCounts) {
    const bandwidths = ofDevice ?? (await measureBandwidths(threads));
    const peakGflops = await bestPeak(threads, device);
    ceilings.push({ threads, peakGflops, ...(tensorGflops && { tensorGflops }), bandwidths });
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

/** Other work can only lower a measured peak: the greater of before and after counts. */
export async function raisePeaks(
  ceilings: readonly Ceiling[],
  device: DeviceOption = 'cpu',
): Promise<Ceiling[]> {
  const raised: Ceiling[] = [];
  for (const ceiling of ceilings) {
    const again = await bestPeak(ceiling.threads, device);
    raised.push({ ...ceiling, peakGflops: Math.max(ceiling.peakGflops, again) });
  }
  return raised;
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
      const isPrivate = level === 'L1' || level === 'L2';
      const rates = { copy: 0, read: 0 };
      for (const traffic of ['copy', 'read'] as const) {
        const time = await leastTime(pool, bytes, traffic);
        // A call takes as long as copying a kilobyte or more: what it costs is the same for a quarter of the bytes, so
        // that the difference is without it.
        const quarter = isPrivate ? await leastTime(pool, bytes / 4, traffic) : 0;
        rates[traffic] =
          (isPrivate && quarter < time ? (0.75 * bytes) / (time - quarter) : bytes / time) / 1e6;
      }
      bandwidths.push({ level, bytes: Math.round(bytes), ...rates });
    }
    return bandwidths;
  } finally {
    await pool.close();
  }
}

async function leastTime(pool: CopyPool, bytes: number, traffic: Traffic): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let window = 0; window < windows; ++window) {
    best = Math.min(best, await pool.measure(bytes, copyMilliseconds, traffic));
  }
  return best;
}
