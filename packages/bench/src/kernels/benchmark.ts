import { setTimeout as sleep } from 'node:timers/promises';
import { setThreads } from '@fusor/native';
import { measureCeilings, raisePeaks } from '../machine/ceilings.ts';
import { CopyPool } from '../machine/copy.ts';
import { generator, uniform } from '../models/randomize.ts';
import type { Progress } from '../progress.ts';
import { beginRun, isNoisy } from '../results/envelope.ts';
import { type KernelResult, type KernelsResults, type KernelTiming, verdictOf } from '../results/kernels.ts';
import type { Ceiling, EngineInfo, MissingEngine, Speedup } from '../results/types.ts';
import { findOneDnn } from '../rival/onednn.ts';
import { findOnnxRuntime } from '../rival/onnxruntime.ts';
import { greatestDifference } from '../timing/difference.ts';
import { ratios } from '../timing/rounds.ts';
import { spread } from '../timing/statistics.ts';
import type { KernelCase } from './case.ts';
import {
  type FusorKernel,
  fusorKernel,
  type KernelContestant,
  type Operands,
  oneDnnKernel,
  onnxKernel,
} from './contestants.ts';
import { outputSize } from './convolution-shape.ts';

/** The engines that single operations can be compared with. */
export const kernelRivals: readonly string[] = ['onnxruntime', 'onednn'];

export interface KernelsOptions {
  readonly command: readonly string[];
  readonly batches: readonly number[];
  readonly threads: readonly number[];
  readonly rounds: number;
  /** Seconds that each engine runs per row, over all rounds. */
  readonly seconds: number;
  /** `'onnxruntime'`, `'onednn'` */
  readonly rivals: readonly string[];
  readonly progress: Progress;
}

/** Rivals' threads spin for a while after a run; onnxruntime's longest. */
const pauseMilliseconds = 60;

/** FLOP per byte from which an operation counts as bound by arithmetic, not by memory, on machines of today. */
const computeBound = 8;

/** The rows of a run. */
export function kernelRows(
  cases: readonly KernelCase[],
  { batches, threads }: Pick<KernelsOptions, 'batches' | 'threads'>,
): { readonly kernel: KernelCase; readonly batch: number; readonly threads: number }[] {
  return threads.flatMap((count) =>
    cases.flatMap((kernel) =>
      (kernel.batched ? batches : [1]).map((batch) => ({ kernel, batch, threads: count })),
    ),
  );
}

/** Measures operations one by one, next to the same ones in other engines and to a plain copy. */
export async function benchmarkKernels(
  cases: readonly KernelCase[],
  options: KernelsOptions,
): Promise<KernelsResults> {
  const { progress, rounds, seconds } = options;
  const run = await beginRun({ command: options.command, device: 'cpu', rounds, seconds });
  progress.stage('looking for rivals');
  const rivals = await findRivals(options.rivals, cases);
  try {
    progress.stage('measuring what the machine can do');
    const ceilings = await measureCeilings(options.threads);
    const kernels: KernelResult[] = [];
    let copies: { readonly threads: number; readonly pool: CopyPool } | undefined;
    for (const row of kernelRows(cases, options)) {
      if (copies?.threads !== row.threads) {
        await copies?.pool.close();
        copies = { threads: row.threads, pool: new CopyPool(row.threads) };
        setThreads(row.threads);
      }
      progress.stage(`${row.kernel.op} ${row.kernel.shape}, batch ${row.batch}, ${row.threads} threads`);
      kernels.push(await benchmarkRow(row, rivals, copies.pool, ceilings, options));
      progress.step();
    }
    await copies?.pool.close();
    const envelope = await run.finish();
    const raised = await raisePeaks(ceilings);
    return {
      ...envelope,
      kind: 'kernels',
      engines: rivals.engines,
      missing: rivals.missing,
      ceilings: raised,
      kernels: kernels.map((row) => withPeakShares(row, raised)),
    };
  } finally {
    await rivals.close();
  }
}

/** Shares are of the peak that stands in the file, which is only known at the end. */
export function withPeakShares(row: KernelResult, ceilings: readonly Ceiling[]): KernelResult {
  const peak = ceilings.find(({ threads }) => threads === row.threads)!.peakGflops;
  return { ...row, engines: row.engines.map((engine) => ({ ...engine, peakShare: engine.gflops / peak })) };
}

interface Rivals {
  readonly engines: readonly EngineInfo[];
  readonly missing: readonly MissingEngine[];
  load(kernel: KernelCase, operands: Operands, threads: number): Promise<KernelContestant[]>;
  close(): Promise<void>;
}

async function findRivals(names: readonly string[], cases: readonly KernelCase[]): Promise<Rivals> {
  const engines: EngineInfo[] = [
    { id: 'fusor', label: 'fusor', kind: 'fusor', settings: 'its step in a plan' },
  ];
  const missing: MissingEngine[] = [];
  const loaders: ((...of: [KernelCase, Operands, number]) => Promise<KernelContestant> | undefined)[] = [];
  let close = async () => {};
  if (names.includes('onnxruntime')) {
    const found = await findOnnxRuntime();
    if ('missing' in found)
      missing.push({ id: 'onnxruntime', label: 'onnxruntime-node', reason: found.missing });
    else {
      const settings = 'all optimisations; nodes by its own profile, without reorders of layout';
      engines.push({ id: 'onnxruntime', label: found.name, kind: 'rival', settings });
      loaders.push((kernel, operands, threads) => onnxKernel(found, kernel, operands, threads));
    }
  }
  if (names.includes('onednn') && cases.some(({ convolution }) => convolution !== undefined)) {
    const found = await findOneDnn();
    if ('missing' in found) missing.push({ id: 'onednn', label: 'oneDNN', reason: found.missing });
    else {
      const settings = 'layouts of its choice, weights packed, post-ops; a process of its own';
      engines.push({ id: 'onednn', label: `oneDNN ${found.version}`, kind: 'rival', settings });
      loaders.push((kernel, operands, threads) =>
        kernel.convolution === undefined ? undefined : oneDnnKernel(found.process, kernel, operands, threads),
      );
      close = () => found.process.close();
    }
  }
  return {
    engines,
    missing,
    load: async (kernel, operands, threads) => {
      const loaded: KernelContestant[] = [];
      for (const load of loaders) {
        const contestant = await load(kernel, operands, threads);
        if (contestant !== undefined) loaded.push(contestant);
      }
      return loaded;
    },
    close,
  };
}

async function benchmarkRow(
  { kernel, batch, threads }: ReturnType<typeof kernelRows>[number],
  rivals: Rivals,
  copies: CopyPool,
  ceilings: readonly Ceiling[],
  { rounds, seconds }: KernelsOptions,
): Promise<KernelResult> {
  const operands = randomOperands(kernel, batch);
  const own = await fusorKernel(kernel, operands, { device: 'cpu', threads });
  const contestants: KernelContestant[] = [own];
  try {
    contestants.push(...(await rivals.load(kernel, operands, threads)));
    const flops = flopsOf(kernel, batch);
    const copyTimes: number[] | undefined = flops / own.bytes < computeBound ? [] : undefined;
    const copyBytes = own.bytes;
    const milliseconds = (1000 * seconds) / rounds;
    const turns = [
      ...contestants.map((contestant) => () => contestant.turn(milliseconds)),
      ...(copyTimes === undefined
        ? []
        : [async () => void copyTimes.push(await copies.measure(copyBytes, milliseconds))]),
    ];
    // One round that does not count: caches, clocks, and how many repetitions fill a turn.
    for (let round = -1; round < rounds; ++round) {
      for (let turn = 0; turn < turns.length; ++turn) {
        await sleep(pauseMilliseconds);
        await turns[(Math.max(round, 0) + turn) % turns.length]!();
      }
    }
    const times = await Promise.all(
      contestants.map(async (contestant) => (await contestant.finish()).slice(1)),
    );
    copyTimes?.shift();
    return describeRow({ kernel, batch, threads, flops, own, contestants, times, copyTimes, ceilings });
  } finally {
    for (const contestant of contestants) await contestant.close();
  }
}

function describeRow(row: {
  readonly kernel: KernelCase;
  readonly batch: number;
  readonly threads: number;
  readonly flops: number;
  readonly own: FusorKernel;
  readonly contestants: readonly KernelContestant[];
  readonly times: readonly (readonly number[])[];
  readonly copyTimes: readonly number[] | undefined;
  readonly ceilings: readonly Ceiling[];
}): KernelResult {
  const { kernel, batch, threads, flops, own, contestants, times, copyTimes } = row;
  const peak = row.ceilings.find((ceiling) => ceiling.threads === threads)!.peakGflops;
  const engines = contestants.map((contestant, index): KernelTiming => {
    const milliseconds = spread(times[index]!);
    const gflops = flops / milliseconds.median / 1e6;
    return {
      engine: contestant.id,
      milliseconds,
      noisy: isNoisy(milliseconds),
      rounds: times[index]!,
      gflops,
      gigabytesPerSecond: own.bytes / milliseconds.median / 1e6,
      peakShare: gflops / peak,
      ...(index === 0 ? {} : { difference: greatestDifference(own.output, contestant.output) }),
    };
  });
  const speedups = contestants
    .slice(1)
    .map(({ id }, index): Speedup => ({ rival: id, ratio: spread(ratios(times[0]!, times[index + 1]!)) }));
  const best = speedups.toSorted((a, b) => a.ratio.median - b.ratio.median)[0];
  return {
    shape: kernel.shape,
    op: kernel.op,
    batch,
    threads,
    networks: kernel.networks,
    gflop: flops / 1e9,
    bytes: own.bytes,
    algorithm: own.algorithm,
    engines,
    speedups,
    ...(best === undefined ? {} : { best }),
    ...(copyTimes === undefined
      ? {}
      : { copy: { milliseconds: spread(copyTimes), share: spread(ratios(times[0]!, copyTimes)) } }),
    verdict: verdictOf(best),
  };
}

function randomOperands(kernel: KernelCase, batch: number): Operands {
  const random = generator(1);
  const fill = (shape: readonly number[], low: number, high: number) =>
    uniform(random, product(shape), low, high);
  const shapes = kernel.inputs(batch);
  return {
    shapes,
    inputs: shapes.map((shape) => fill(shape, -1, 1)),
    constants: kernel.constants.map(({ shape, range: [low, high] = [-0.5, 0.5] }) => fill(shape, low, high)),
  };
}

/** Two per multiply-add of convolutions and matrix products; other operations are counted by their bytes only. */
function flopsOf(kernel: KernelCase, batch: number): number {
  const { convolution } = kernel;
  if (convolution !== undefined) {
    const { c, k, r, s, groups } = convolution;
    return 2 * batch * k * product(outputSize(convolution)) * (c / groups) * r * s;
  }
  if (kernel.op !== 'linear' && kernel.op !== 'matmul') return 0;
  return 2 * product(kernel.shape.split('x').map(Number));
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
