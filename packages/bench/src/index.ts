export type { Load, Machine } from './machine/machine.ts';
export type { BenchmarkOptions, BenchmarkProgress } from './models/benchmark.ts';
export { benchmarkModels } from './models/benchmark.ts';
export { countFlops } from './models/flops.ts';
export { generator, randomizeNorms, uniform } from './models/randomize.ts';
export { formatReport } from './models/report.ts';
export type { EngineName, EngineResult, ModelsReport, NetworkResult } from './models/results.ts';
export type { Spread } from './timing/statistics.ts';
