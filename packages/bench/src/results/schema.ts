// What a results file must look like. The interfaces beside this file are the documentation; the compiler checks that
// each schema gives what its interface says. Fields that are not known are dropped: a newer minor version may have them.
import * as v from 'valibot';
import type { Load, Machine } from '../machine/machine.ts';
import type { Spread } from '../timing/statistics.ts';
import type { KernelResult, KernelsResults, KernelTiming } from './kernels.ts';
import type { EngineResult, ModelsResults, NetworkResult } from './models.ts';
import type { RooflineResults } from './roofline.ts';
import type { StartResults, StartTiming } from './start.ts';
import { type Ceiling, type EngineInfo, type Layer, resultsVersion, type Speedup } from './types.ts';

type Schema<T> = v.GenericSchema<unknown, T>;

/** Files come from strangers and their texts go to terminals: no control characters. */
const text = v.pipe(v.string(), v.maxLength(10_000), v.regex(/^\P{Cc}*$/u, 'has control characters'));
const number = v.pipe(v.number(), v.finite());
const positive = v.pipe(number, v.minValue(0));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const atLeastOne = v.pipe(count, v.minValue(1));
/** Arrays are bounded: a file must not make a reader draw a million bars. */
const list = <T>(item: Schema<T>) => v.pipe(v.array(item), v.maxLength(100_000));

const spread: Schema<Spread> = v.object({
  median: positive,
  lowerQuartile: positive,
  upperQuartile: positive,
  count: atLeastOne,
});

const machine: Schema<Machine> = v.object({
  processor: text,
  logicalCores: atLeastOne,
  memoryBytes: count,
  platform: text,
  node: text,
});

const load: Schema<Load> = v.object({ average: positive, running: v.exactOptional(count) });

const envelope = {
  format: v.literal('fusor-bench'),
  version: v.literal(resultsVersion),
  date: v.pipe(v.string(), v.isoTimestamp()),
  command: list(text),
  fusor: v.object({ version: text, commit: v.exactOptional(text) }),
  machine,
  device: v.object({ id: text, name: text, instructionSet: text }),
  load: v.object({
    before: load,
    after: load,
    during: v.exactOptional(
      v.object({ samples: count, meanCores: positive, maxCores: positive, meanStolenCores: positive }),
    ),
  }),
  rounds: atLeastOne,
  secondsPerEngine: positive,
  noiseBound: positive,
};

const engineInfo: Schema<EngineInfo> = v.object({
  id: text,
  label: text,
  kind: v.picklist(['fusor', 'rival']),
  settings: v.exactOptional(text),
});

const competitors = {
  engines: list(engineInfo),
  missing: list(v.object({ id: text, label: text, reason: text })),
};

const ceiling: Schema<Ceiling> = v.object({
  threads: atLeastOne,
  peakGflops: positive,
  tensorGflops: v.exactOptional(v.object({ tf32: positive, f16: positive, bf16: positive })),
  bandwidths: list(
    v.object({
      level: v.picklist(['L1', 'L2', 'L3', 'DRAM']),
      bytes: count,
      copy: positive,
      read: v.exactOptional(positive),
    }),
  ),
});

const timing = {
  engine: text,
  milliseconds: spread,
  noisy: v.boolean(),
  rounds: v.pipe(v.array(positive), v.minLength(1), v.maxLength(100_000)),
};

const speedup: Schema<Speedup> = v.object({ rival: text, ratio: spread });
const difference = v.exactOptional(v.nullable(positive));

const layer: Schema<Layer> = v.object({
  name: text,
  op: text,
  algorithm: text,
  instructionSet: text,
  flops: positive,
  bytes: positive,
  seconds: spread,
});

const engineResult: Schema<EngineResult> = v.object({
  ...timing,
  imagesPerSecond: positive,
  gflops: positive,
  peakShare: positive,
  difference,
});

const precision = v.exactOptional(v.picklist(['f32', 'f16', 'bf16']));

const networkResult: Schema<NetworkResult> = v.object({
  model: text,
  batch: atLeastOne,
  threads: atLeastOne,
  dtype: precision,
  gflop: positive,
  engines: list(engineResult),
  speedups: list(speedup),
  eagerOverCompiled: v.exactOptional(spread),
  layers: list(layer),
});

const kernelTiming: Schema<KernelTiming> = v.object({
  ...timing,
  gflops: positive,
  gigabytesPerSecond: positive,
  peakShare: positive,
  difference,
});

const kernelResult: Schema<KernelResult> = v.object({
  shape: text,
  op: text,
  batch: atLeastOne,
  threads: atLeastOne,
  networks: list(v.object({ network: text, count: atLeastOne })),
  gflop: positive,
  bytes: positive,
  algorithm: text,
  engines: list(kernelTiming),
  speedups: list(speedup),
  best: v.exactOptional(speedup),
  copy: v.exactOptional(v.object({ milliseconds: spread, share: spread })),
  verdict: v.picklist(['faster', 'equal', 'slower', 'alone']),
});

const startTiming: Schema<StartTiming> = v.object({
  ...timing,
  phases: list(v.object({ name: text, milliseconds: spread })),
  peakBytes: v.exactOptional(spread),
});

const models: Schema<ModelsResults> = v.object({
  ...envelope,
  kind: v.literal('models'),
  ...competitors,
  ceilings: list(ceiling),
  networks: list(networkResult),
});

const kernels: Schema<KernelsResults> = v.object({
  ...envelope,
  kind: v.literal('kernels'),
  ...competitors,
  ceilings: list(ceiling),
  kernels: list(kernelResult),
});

const roofline: Schema<RooflineResults> = v.object({
  ...envelope,
  kind: v.literal('roofline'),
  ceilings: list(ceiling),
  networks: list(
    v.object({ model: text, batch: atLeastOne, threads: atLeastOne, dtype: precision, layers: list(layer) }),
  ),
});

const start: Schema<StartResults> = v.object({
  ...envelope,
  kind: v.literal('start'),
  ...competitors,
  starts: list(
    v.object({
      model: text,
      threads: atLeastOne,
      fileBytes: count,
      engines: list(startTiming),
      speedups: list(speedup),
    }),
  ),
});

/** Everything that `--json` writes, told apart by `kind`. */
export type Results = ModelsResults | KernelsResults | RooflineResults | StartResults;
export type ResultsKind = Results['kind'];

/** The schema of each kind of file. */
export const schemas: { readonly [Kind in ResultsKind]: Schema<Extract<Results, { kind: Kind }>> } = {
  models,
  kernels,
  roofline,
  start,
};
