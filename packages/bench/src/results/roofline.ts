import type { Bandwidth, Ceiling, Envelope, Layer, Precision } from './types.ts';

/** The layers of one network: operations per byte against operations per second. */
export interface RooflineNetwork {
  readonly model: string;
  readonly batch: number;
  readonly threads: number;
  /** What it computes in; absent: f32. */
  readonly dtype?: Precision;
  readonly layers: readonly Layer[];
}

/** Everything that `fusor-bench roofline` finds out. */
export interface RooflineResults extends Envelope {
  readonly kind: 'roofline';
  /** One for each thread count measured. */
  readonly ceilings: readonly Ceiling[];
  readonly networks: readonly RooflineNetwork[];
}

/** GB/s that a level of memory gives at most: of copying and reading the faster. */
export function bandwidthOf({ copy, read = 0 }: Bandwidth): number {
  return Math.max(copy, read);
}

/** What bounds a layer, and how far it is from that. */
export interface Limit {
  /** `'arithmetic'`, or the level of memory. */
  readonly bound: 'arithmetic' | Bandwidth['level'];
  /** The least time that the ceiling allows. */
  readonly seconds: number;
  /** The same as GFLOP/s; 0 for layers without arithmetic. */
  readonly gflops: number;
  /** Least time over the time it takes: 1 is the ceiling; an algorithm that computes less can exceed it. */
  readonly share: number;
}

/**
 * The roofline of Williams, Waterman and Patterson (2009): a layer takes at least as long as its operations at the peak
 * and as its bytes at the bandwidth of memory. Its bytes can come from the first level that holds all of them, so the
 * bandwidth is that level's: the kindest ceiling that is true.
 */
export function limitOf({ flops, bytes, seconds }: Layer, ceiling: Ceiling): Limit {
  const levels = ceiling.bandwidths;
  const level = levels.find((entry) => bytes <= entry.bytes) ?? levels.at(-1);
  const arithmetic = flops / ceiling.peakGflops / 1e9;
  const memory = level === undefined ? 0 : bytes / bandwidthOf(level) / 1e9;
  const least = Math.max(arithmetic, memory);
  return {
    bound: memory > arithmetic ? level!.level : 'arithmetic',
    seconds: least,
    gflops: least === 0 ? 0 : flops / least / 1e9,
    share: seconds.median === 0 ? 0 : least / seconds.median,
  };
}
