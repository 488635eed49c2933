import type { Ceiling, Envelope, Layer } from './types.ts';

/** The layers of one network: operations per byte against operations per second. */
export interface RooflineNetwork {
  readonly model: string;
  readonly batch: number;
  readonly threads: number;
  readonly layers: readonly Layer[];
}

/** Everything that `fusor-bench roofline` finds out. */
export interface RooflineResults extends Envelope {
  readonly kind: 'roofline';
  readonly ceilings: readonly Ceiling[];
  readonly networks: readonly RooflineNetwork[];
}

/** GFLOP/s that a ceiling allows at `intensity` FLOP per byte, with data at the given level of memory. */
export function attainable(ceiling: Ceiling, intensity: number, level: string = 'DRAM'): number {
  const bandwidth = ceiling.bandwidths.find((entry) => entry.level === level)?.copy;
  return Math.min(
    ceiling.peakGflops,
    bandwidth === undefined ? Number.POSITIVE_INFINITY : bandwidth * intensity,
  );
}
