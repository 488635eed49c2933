import type { Spread } from '../timing/statistics.ts';
import type { EngineInfo, Envelope, MissingEngine, Speedup, Timing } from './types.ts';

/** One engine's way from process start to the first result. */
export interface StartTiming extends Timing {
  /** Parts of the whole, in their order: process, import, load, compile, first run. */
  readonly phases: readonly { readonly name: string; readonly milliseconds: Spread }[];
  /** Greatest resident memory of the process. */
  readonly peakBytes?: Spread;
}

/** One network started from its weights file. */
export interface StartResult {
  readonly model: string;
  readonly threads: number;
  readonly fileBytes: number;
  readonly engines: readonly StartTiming[];
  readonly speedups: readonly Speedup[];
}

/** Everything that `fusor-bench start` finds out. */
export interface StartResults extends Envelope {
  readonly kind: 'start';
  readonly engines: readonly EngineInfo[];
  readonly missing: readonly MissingEngine[];
  readonly starts: readonly StartResult[];
}
