import type { Spread } from '../timing/statistics.ts';
import type { Ceiling, EngineInfo, Envelope, MissingEngine, Speedup, Timing } from './types.ts';

/** One engine on one kernel. */
export interface KernelTiming extends Timing {
  /** Of the mathematical operation; 0 for operations that only move bytes. */
  readonly gflops: number;
  /** Least traffic over the time. */
  readonly gigabytesPerSecond: number;
  /** `gflops` as a share of the measured peak. */
  readonly peakShare: number;
  /**
   * Greatest difference from Fusor's result, relative to the greatest element. Absent for Fusor itself; null where
   * something was not a number.
   */
  readonly difference?: number | null;
}

/** Where a kernel was found in a network. */
export interface KernelUse {
  readonly network: string;
  /** How many layers of it have this shape. */
  readonly count: number;
}

export type Verdict = 'faster' | 'equal' | 'slower' | 'alone';

/** One operation with one shape, batch size and thread count. */
export interface KernelResult {
  /** The shape in the notation of `--shape`: `c64 k64 56x56 3x3 p1 +relu`, `512x768`. */
  readonly shape: string;
  /** `'conv2d'`, `'layerNorm'` … */
  readonly op: string;
  readonly batch: number;
  readonly threads: number;
  readonly networks: readonly KernelUse[];
  readonly gflop: number;
  /** Least traffic: inputs, weights and outputs once each. */
  readonly bytes: number;
  /** What Fusor computes it with. */
  readonly algorithm: string;
  /** The first engine is Fusor. */
  readonly engines: readonly KernelTiming[];
  /** Against each rival. */
  readonly speedups: readonly Speedup[];
  /** The one of the speedups with the fastest rival; absent without rivals. */
  readonly best?: Speedup;
  /** A plain copy that moves the same bytes, side by side: for operations bound by memory. */
  readonly copy?: { readonly milliseconds: Spread /** Copy's time over Fusor's. */; readonly share: Spread };
  /** Median ratio to the best rival: below 0.97 slower, above 1.03 faster. */
  readonly verdict: Verdict;
}

/** Everything that `fusor-bench kernels` finds out. */
export interface KernelsResults extends Envelope {
  readonly kind: 'kernels';
  readonly engines: readonly EngineInfo[];
  readonly missing: readonly MissingEngine[];
  readonly ceilings: readonly Ceiling[];
  readonly kernels: readonly KernelResult[];
}

/** Ratios within this of 1 count as equal: about what a quiet machine repeats to. */
export const equalWithin = 0.03;

export function verdictOf(best: Speedup | undefined): Verdict {
  if (best === undefined) return 'alone';
  if (best.ratio.median < 1 - equalWithin) return 'slower';
  return best.ratio.median > 1 + equalWithin ? 'faster' : 'equal';
}
