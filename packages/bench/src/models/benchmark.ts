import { trace } from '@fusor/layers';
import { type DeviceOption, getThreads, manualSeed, measurePeak, setThreads } from '@fusor/native';
import { findModel, type ModelEntry } from '@fusor/resnet';
import { describeMachine, readLoad } from '../machine/machine.ts';
import { writeOnnx } from '../onnx/index.ts';
import { findOnnxRuntime, type OnnxRival } from '../rival/onnxruntime.ts';
import { measureRounds, ratios } from '../timing/rounds.ts';
import { spread } from '../timing/statistics.ts';
import { compiledEngine, type Engine, eagerEngine, type Images, rivalEngine } from './engines.ts';
import { countFlops } from './flops.ts';
import { generator, randomizeNorms, uniform } from './randomize.ts';
import type { EngineName, EngineResult, ModelsReport, NetworkResult } from './results.ts';

export interface BenchmarkOptions {
  /** Images per run; each is measured. Default `[1, 8]`. */
  readonly batches?: readonly number[];
  /** Threads of every engine. Default: the physical cores that this process may use. */
  readonly threads?: number;
  /** Turns of each engine. Default 9. */
  readonly rounds?: number;
  /** Seconds that each engine runs per network and batch size, over all rounds. Default 3. */
  readonly seconds?: number;
  /** Whether the network also runs layer by layer. Default true. */
  readonly eager?: boolean;
  /** Whether onnxruntime-node also runs, where it is installed. Default true. */
  readonly rival?: boolean;
  /** Default `'cpu'`. */
  readonly device?: DeviceOption;
  /** Told what happens, for a progress bar. */
  readonly progress?: BenchmarkProgress;
}

export interface BenchmarkProgress {
  stage(text: string): void;
  step(): void;
}

/** Long enough for onnxruntime's threads to stop spinning (they give up after some milliseconds) and to sleep. */
const pauseMilliseconds = 80;

/** How many turns a benchmark has: what a progress bar counts to. */
export function countTurns(
  models: readonly string[],
  { batches = defaults.batches, rounds = defaults.rounds, eager = true, rival = true }: BenchmarkOptions,
): number {
  return models.length * batches.length * rounds * (1 + Number(eager) + Number(rival));
}

const defaults = { batches: [1, 8], rounds: 9, seconds: 3, device: 'cpu' } as const;

/**
 * Measures networks of @fusor/resnet, with random weights on random images, compiled, eager and in onnxruntime-node. The
 * engines take turns, and before anything is timed their logits are compared.
 *
 * @param models names, as `findModel` of @fusor/resnet takes them
 */
export async function benchmarkModels(
  models: readonly string[],
  options: BenchmarkOptions = {},
): Promise<ModelsReport> {
  const entries = models.map(findModel);
  const settings = { ...defaults, eager: true, rival: true, ...options };
  const progress = options.progress ?? { stage: () => {}, step: () => {} };
  setThreads(options.threads ?? 0);
  const threads = getThreads();
  const before = await readLoad();
  // Other work can only lower what is measured: the greatest of several measurements is the peak.
  let peakGflops = 0;
  const measurePeakAgain = async () => {
    progress.stage('measuring the peak');
    peakGflops = Math.max(peakGflops, await measurePeak({ threads, device: settings.device }));
  };
  await measurePeakAgain();
  const found = settings.rival ? await findOnnxRuntime() : { missing: 'not asked for' };
  const rival = 'missing' in found ? undefined : found;

  const networks: NetworkResult[] = [];
  for (const entry of entries) {
    for (const batch of settings.batches) {
      networks.push(await benchmarkNetwork(entry, batch, { ...settings, threads, rival, progress }));
      await measurePeakAgain();
    }
  }
  return {
    date: new Date().toISOString(),
    machine: describeMachine(),
    device: settings.device,
    threads,
    peakGflops,
    load: { before, after: await readLoad() },
    rival: rival === undefined ? (found as { missing: string }) : { name: rival.name },
    rounds: settings.rounds,
    secondsPerEngine: settings.seconds,
    networks: networks.map((network) => withPeakShares(network, peakGflops)),
  };
}

function withPeakShares(network: NetworkResult, peakGflops: number): NetworkResult {
  const engines = network.engines.map((engine) => ({ ...engine, peakShare: engine.gflops / peakGflops }));
  return { ...network, engines };
}

interface NetworkSettings {
  readonly threads: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly eager: boolean;
  readonly device: DeviceOption;
  readonly rival: OnnxRival | undefined;
  readonly progress: BenchmarkProgress;
}

async function benchmarkNetwork(
  entry: ModelEntry,
  batch: number,
  settings: NetworkSettings,
): Promise<NetworkResult> {
  const { threads, rival, device, progress } = settings;
  const title = `${entry.name}, batch ${batch}`;
  progress.stage(`${title}: building`);
  manualSeed(1);
  const model = entry.create().eval();
  randomizeNorms(model);
  const shape: Images['shape'] = [batch, ...entry.inputShape];
  const graph = trace(model, shape);
  const outputs = graph.outputs[0]!.shape[1]!;
  const images: Images = {
    data: uniform(
      generator(2),
      shape.reduce((product, size) => product * size, 1),
      -1,
      1,
    ),
    shape,
  };

  const engines: Engine[] = [];
  try {
    engines.push(await compiledEngine(model, images, outputs, { device, threads }));
    if (settings.eager) engines.push(eagerEngine(model, images, outputs, device));
    if (rival !== undefined) {
      progress.stage(`${title}: loading into ${rival.name}`);
      const network = await rival.load(await writeOnnx(graph, { name: entry.name }), [images], threads);
      engines.push(rivalEngine(network, images, outputs));
    }
    for (const engine of engines) await engine.run();
    const differences = compareLogits(engines);

    progress.stage(title);
    const times = await measureRounds(engines, {
      rounds: settings.rounds,
      seconds: settings.seconds,
      pauseMilliseconds,
      onTurn: () => progress.step(),
    });
    const layers = (await engines[0]!.profile?.()) ?? [];
    return { ...describe(entry.name, batch, countFlops(graph), engines, times, differences), layers };
  } finally {
    for (const engine of engines) await engine.close();
    model.dispose();
  }
}

/** Greatest difference of each engine's logits from the first engine's, relative to the greatest logit. */
function compareLogits(engines: readonly Engine[]): Partial<Record<EngineName, number>> {
  const reference = engines[0]!.logits;
  const scale = Math.max(1, ...reference.map(Math.abs));
  return Object.fromEntries(
    engines
      .slice(1)
      .map(({ name, logits }) => [
        name,
        reference.reduce((worst, value, index) => Math.max(worst, Math.abs(value - logits[index]!)), 0) /
          scale,
      ]),
  );
}

function describe(
  model: string,
  batch: number,
  flops: number,
  engines: readonly Engine[],
  times: readonly (readonly number[])[],
  differences: Partial<Record<EngineName, number>>,
): Omit<NetworkResult, 'layers'> {
  const roundsOf = (name: EngineName) => times[engines.findIndex((engine) => engine.name === name)];
  const results = engines.map((engine, index): EngineResult => {
    const milliseconds = spread(times[index]!);
    return {
      engine: engine.name,
      milliseconds,
      imagesPerSecond: (1000 * batch) / milliseconds.median,
      gflops: flops / milliseconds.median / 1e6,
      rounds: times[index]!,
    };
  });
  const compiled = roundsOf('compiled')!;
  const [eager, rival] = [roundsOf('eager'), roundsOf('onnxruntime')];
  return {
    model,
    batch,
    gflop: flops / 1e9,
    engines: results,
    ...(rival === undefined ? {} : { speedup: spread(ratios(compiled, rival)) }),
    ...(eager === undefined ? {} : { eagerOverCompiled: spread(ratios(compiled, eager)) }),
    differences,
  };
}
