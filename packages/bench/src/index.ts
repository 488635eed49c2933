export type { Load, Machine } from './machine/machine.ts';
export type { BenchmarkOptions } from './models/benchmark.ts';
export { benchmarkModels } from './models/benchmark.ts';
export { countFlops } from './models/flops.ts';
export { generator, randomizeNorms, uniform } from './models/randomize.ts';
export { formatModels } from './models/report.ts';
export type { Progress } from './progress.ts';
export type { Spread } from './timing/statistics.ts';
