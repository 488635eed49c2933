import type { Load, Machine } from '../machine/machine.ts';
import type { Layer } from '../results/types.ts';
import type { Spread } from '../timing/statistics.ts';

/** Names of the ways in which a network is run. */
export type EngineName = 'compiled' | 'eager' | 'onnxruntime';

/** One way of running one network at one batch size. */
export interface EngineResult {
  readonly engine: EngineName;
  /** Time of one run of the whole batch, over the rounds. */
  readonly milliseconds: Spread;
  readonly imagesPerSecond: number;
  /** Two per multiply-add, by the definition of the operations: Winograd's algorithm can exceed the peak. */
  readonly gflops: number;
  /** `gflops` as a share of the measured peak of the threads used; absent where it was not measured. */
  readonly peakShare?: number;
  /** Median per round, in the order of the rounds. */
  readonly rounds: readonly number[];
}

/** One network at one batch size. */
export interface NetworkResult {
  readonly model: string;
  readonly batch: number;
  /** GFLOP of one run of the batch. */
  readonly gflop: number;
  readonly engines: readonly EngineResult[];
  /** Rival's time over the compiled plan's, round by round: above 1 where Fusor is faster. */
  readonly speedup?: Spread;
  /** Eager time over the compiled plan's. */
  readonly eagerOverCompiled?: Spread;
  /** The steps of the compiled plan, with their times. */
  readonly layers: readonly Layer[];
  /** Greatest difference of a logit from the compiled plan's, relative to the greatest logit (at least 1). */
  readonly differences: Readonly<Partial<Record<EngineName, number>>>;
}

/** Everything that `fusor-bench models` finds out: what its table is made of. */
export interface ModelsReport {
  readonly date: string;
  readonly machine: Machine;
  readonly device: string;
  readonly threads: number;
  /** GFLOP/s of f32 multiply-adds in registers on that many threads: the best of several measurements. */
  readonly peakGflops?: number;
  /** What the machine was doing besides. */
  readonly load: { readonly before: Load; readonly after: Load };
  /** Name and version of the other engine, or why it did not run. */
  readonly rival: { readonly name: string } | { readonly missing: string };
  readonly rounds: number;
  readonly secondsPerEngine: number;
  readonly networks: readonly NetworkResult[];
}

/** Logits of two engines may differ by so much, relative to the greatest of them (at least 1). */
export const agreement = 1e-4;

/** Whether all engines gave the same logits, up to rounding. */
export function agrees(result: NetworkResult): boolean {
  return Object.values(result.differences).every((difference) => difference <= agreement);
}
