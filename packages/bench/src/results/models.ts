import type { Spread } from '../timing/statistics.ts';
import type {
  Ceiling,
  EngineInfo,
  Envelope,
  Layer,
  MissingEngine,
  Precision,
  Speedup,
  Timing,
} from './types.ts';

/** One engine on one network, batch size and thread count. */
export interface EngineResult extends Timing {
  readonly imagesPerSecond: number;
  /** Two per multiply-add, by the definition of the operations: Winograd's algorithm can exceed the peak. */
  readonly gflops: number;
  /** `gflops` as a share of the measured peak of the threads used. */
  readonly peakShare: number;
  /**
   * Greatest difference of a logit from the compiled plan's, relative to the greatest logit (at least 1). Absent for the
   * compiled plan itself; null where a logit was not a number.
   */
  readonly difference?: number | null;
}

/** One network with one batch size and one thread count. */
export interface NetworkResult {
  readonly model: string;
  readonly batch: number;
  readonly threads: number;
  /** What the compiled plan computes in; absent: f32. */
  readonly dtype?: Precision;
  /** GFLOP of one run of the batch. */
  readonly gflop: number;
  readonly engines: readonly EngineResult[];
  /** The compiled plan against each rival. */
  readonly speedups: readonly Speedup[];
  /** Eager time over the compiled plan's. */
  readonly eagerOverCompiled?: Spread;
  /** The steps of the compiled plan in the order in which they run. */
  readonly layers: readonly Layer[];
}

/** Everything that `fusor-bench models` finds out. */
export interface ModelsResults extends Envelope {
  readonly kind: 'models';
  readonly engines: readonly EngineInfo[];
  readonly missing: readonly MissingEngine[];
  /** One for each thread count measured. */
  readonly ceilings: readonly Ceiling[];
  readonly networks: readonly NetworkResult[];
}

/** Logits of two engines may differ by so much, relative to the greatest of them (at least 1). */
export const agreement = 1e-4;

/** The same in 16 bits: eight roundings, of the some fifty that follow each other in a ResNet with random signs. */
const agreements: Readonly<Record<Precision, number>> = { f32: agreement, f16: 2 ** -8, bf16: 2 ** -5 };

/** Whether all engines gave the same logits, up to rounding. */
export function agrees({ engines, dtype = 'f32' }: NetworkResult): boolean {
  return engines.every(
    ({ difference }) => difference === undefined || (difference !== null && difference <= agreements[dtype]),
  );
}
