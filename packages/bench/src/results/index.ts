/** `@fusor/bench/results`: the files that `--json` writes: their types, and a reader that checks them. */
export type { Load, Machine } from '../machine/machine.ts';
export type { Spread } from '../timing/statistics.ts';
export {
  equalWithin,
  type KernelResult,
  type KernelsResults,
  type KernelTiming,
  type KernelUse,
  type Verdict,
  verdictOf,
} from './kernels.ts';
export { agreement, agrees, type EngineResult, type ModelsResults, type NetworkResult } from './models.ts';
export { checkResults, ResultsError, readResults } from './read.ts';
export { bandwidthOf, type Limit, limitOf, type RooflineNetwork, type RooflineResults } from './roofline.ts';
export type { Results, ResultsKind } from './schema.ts';
export type { StartResult, StartResults, StartTiming } from './start.ts';
export {
  type Bandwidth,
  type Ceiling,
  ceilingIn,
  type DeviceSummary,
  type EngineInfo,
  type Envelope,
  type Layer,
  type MissingEngine,
  type OtherWork,
  type Precision,
  resultsVersion,
  type Speedup,
  type Timing,
} from './types.ts';
