import { trace } from '@fusor/layers';
import { type DeviceOption, getThreads, manualSeed, setThreads } from '@fusor/native';
import { findModel, type ModelEntry } from '@fusor/resnet';
import { measureCeilings, raisePeaks } from '../machine/ceilings.ts';
import { noProgress, type Progress } from '../progress.ts';
import { beginRun, isNoisy } from '../results/envelope.ts';
import type { EngineResult, ModelsResults, NetworkResult } from '../results/models.ts';
import {
  type Ceiling,
  ceilingIn,
  type EngineInfo,
  type MissingEngine,
  type Precision,
  type Speedup,
} from '../results/types.ts';
import type { ModelRival } from '../rival/model-rival.ts';
import { findModelRivals } from '../rival/model-rivals.ts';
import { greatestDifference } from '../timing/difference.ts';
import { measureRounds, ratios } from '../timing/rounds.ts';
import { spread } from '../timing/statistics.ts';
import {
  compiledEngine,
  deviceEngine,
  type Engine,
  eagerEngine,
  type Images,
  rivalEngine,
} from './engines.ts';
import { countFlops } from './flops.ts';
import { titled } from './precision.ts';
import { generator, randomizeNorms, uniform } from './randomize.ts';

export interface BenchmarkOptions {
  /** Images per run; each is measured. Default `[1, 8]`. */
  readonly batches?: readonly number[];
  /** Threads of every engine; each count is measured. Default: the physical cores that this process may use. */
  readonly threads?: readonly number[];
  /** Turns of each engine. Default 9. */
  readonly rounds?: number;
  /** Seconds that each engine runs per network, batch size and thread count, over all rounds. Default 3. */
  readonly seconds?: number;
  /** Whether the network also runs layer by layer. Default true. */
  readonly eager?: boolean;
  /** Other engines, where they are installed: `'onnxruntime'`, `'tfjs'`, `'pytorch'`. Default: onnxruntime. */
  readonly rivals?: readonly string[];
  /** Default `'cpu'`. */
  readonly device?: DeviceOption;
  /** What compiled plans and PyTorch compute in; in 16 bits there is no eager row. Default `'f32'`. */
  readonly dtype?: Precision;
  /** Told what happens, for a progress bar. */
  readonly progress?: Progress;
  /** Kept in the results: the command line that asked for them. */
  readonly command?: readonly string[];
}

/** Long enough for onnxruntime's threads to stop spinning (they give up after some milliseconds) and to sleep. */
const pauseMilliseconds = 80;

const ownEngines: readonly EngineInfo[] = [
  { id: 'compiled', label: 'fusor compiled', kind: 'fusor' },
  { id: 'eager', label: 'fusor eager', kind: 'fusor' },
];

/**
 * Measures networks of @fusor/resnet, with random weights on random images, compiled, eager and in other engines. The
 * engines take turns, and before anything is timed their logits are compared. A rival that fails is named among the
 * missing, with the reason, and the others go on.
 *
 * @param models names, as `findModel` of @fusor/resnet takes them
 */
export async function benchmarkModels(
  models: readonly string[],
  options: BenchmarkOptions = {},
): Promise<ModelsResults> {
  const entries = models.map(findModel);
  const { batches = [1, 8], rounds = 9, seconds = 3, device = 'cpu', dtype = 'f32' } = options;
  const eager = (options.eager ?? true) && dtype === 'f32';
  const { rivals: names = ['onnxruntime'], progress = noProgress, command = [] } = options;
  const threadsBefore = getThreads();
  const threads = options.threads ?? [threadsBefore];
  const run = await beginRun({ command, device, rounds, seconds });
  progress.stage('looking for other engines');
  const found = await findModelRivals(names);
  try {
    const engineCount = 1 + Number(eager) + found.rivals.length;
    progress.total(entries.length * batches.length * threads.length * rounds * engineCount);
    progress.stage('measuring what the machine can do');
    const ceilings = await measureCeilings(threads, device);
    const networks: NetworkResult[] = [];
    const missing: MissingEngine[] = [...found.missing];
    for (const entry of entries) {
      for (const batch of batches) {
        for (const count of threads) {
          setThreads(count);
          const row = { entry, batch, threads: count };
          const settings = { rounds, seconds, eager, device, dtype, rivals: found.rivals, progress };
          const measured = await benchmarkNetwork(row, settings);
          networks.push(measured.network);
          missing.push(...measured.missing);
        }
      }
    }
    const envelope = await run.finish();
    const raised = await raisePeaks(ceilings, device);
    const used = new Set(networks.flatMap(({ engines }) => engines.map(({ engine }) => engine)));
    return {
      ...envelope,
      kind: 'models',
      engines: [...ownEngines, ...found.rivals.map(({ info }) => info)].filter(({ id }) => used.has(id)),
      missing,
      ceilings: raised,
      networks: networks.map((network) => withPeakShares(network, raised)),
    };
  } finally {
    setThreads(threadsBefore);
    await found.close();
  }
}

function withPeakShares(network: NetworkResult, ceilings: readonly Ceiling[]): NetworkResult {
  const ofThreads = ceilings.find(({ threads }) => threads === network.threads)!;
  const peak = ceilingIn(ofThreads, network.dtype).peakGflops;
  const engines = network.engines.map((engine) => ({ ...engine, peakShare: engine.gflops / peak }));
  return { ...network, engines };
}

/** One network with one batch size and thread count. */
interface Row {
  readonly entry: ModelEntry;
  readonly batch: number;
  readonly threads: number;
}

interface RowSettings {
  readonly rounds: number;
  readonly seconds: number;
  readonly eager: boolean;
  readonly device: DeviceOption;
  readonly dtype: Precision;
  readonly rivals: readonly ModelRival[];
  readonly progress: Progress;
}

async function benchmarkNetwork(
  { entry, batch, threads }: Row,
  { rounds, seconds, eager, device, dtype, rivals, progress }: RowSettings,
): Promise<{ network: NetworkResult; missing: MissingEngine[] }> {
  const title = `${entry.name}, batch ${batch}, ${threads} thread${threads === 1 ? '' : 's'}`;
  const missing: MissingEngine[] = [];
  const fails = ({ id, label }: Pick<EngineInfo, 'id' | 'label'>, error: unknown) => {
    missing.push({
      id,
      label,
      reason: `${title}: ${error instanceof Error ? error.message : String(error)}`,
    });
  };
  progress.stage(`${title}: building`);
  const model = networkOf(entry);
  // Of its own: what rivals read are the constants of the other.
  const eagerModel = !eager ? undefined : device === 'cpu' ? model : networkOf(entry).to(device);
  const shape: Images['shape'] = [batch, ...entry.inputShape];
  const graph = trace(model, shape);
  const outputs = graph.outputs[0]!.shape[1]!;
  const size = shape.reduce((product, length) => product * length, 1);
  const images: Images = { data: uniform(generator(2), size, -1, 1), shape };

  const engines: Engine[] = [];
  try {
    const compiled = device === 'cpu' ? compiledEngine : deviceEngine;
    engines.push(await compiled(model, images, outputs, { device, dtype, threads }));
    if (eagerModel !== undefined) engines.push(eagerEngine(eagerModel, images, outputs, device));
    for (const engine of engines) await engine.run();
    for (const rival of rivals) {
      progress.stage(`${title}: loading into ${rival.info.label}`);
      try {
        const loaded = await rival.load({ name: entry.name, graph, device, dtype, ...images }, threads);
        engines.push(rivalEngine(rival.info, loaded));
        await engines.at(-1)!.run();
      } catch (error) {
        fails(rival.info, error);
        if (engines.at(-1)!.name === rival.info.id) await engines.pop()!.close();
        progress.step(rounds);
      }
    }
    progress.stage(title);
    const times = await measureRounds(engines, {
      rounds,
      seconds,
      pauseMilliseconds,
      onTurn: () => progress.step(),
      onFailure: (index, error) => fails(engines[index]!.info, error),
    });
    const layers = (await engines[0]!.profile?.()) ?? [];
    const row = { ...titled(entry.name, dtype), batch, threads };
    return { network: { ...describe(row, countFlops(graph), engines, times), layers }, missing };
  } finally {
    for (const engine of engines) await engine.close().catch(() => {});
    if (eagerModel !== model) eagerModel?.dispose();
    model.dispose();
  }
}

/** The same weights each time. */
function networkOf(entry: ModelEntry): ReturnType<ModelEntry['create']> {
  manualSeed(1);
  const model = entry.create().eval();
  randomizeNorms(model);
  return model;
}

function describe(
  row: Pick<NetworkResult, 'model' | 'batch' | 'threads' | 'dtype'>,
  flops: number,
  engines: readonly Engine[],
  times: readonly (readonly number[])[],
): Omit<NetworkResult, 'layers'> {
  const results: EngineResult[] = [];
  const speedups: Speedup[] = [];
  let eagerOverCompiled = {};
  const [compiled] = times as [readonly number[]];
  for (const [index, engine] of engines.entries()) {
    const rounds = times[index]!;
    if (rounds.length === 0) continue;
    const milliseconds = spread(rounds);
    results.push({
      engine: engine.name,
      milliseconds,
      noisy: isNoisy(milliseconds),
      rounds,
      imagesPerSecond: (1000 * row.batch) / milliseconds.median,
      gflops: flops / milliseconds.median / 1e6,
      // Known when all rows are measured.
      peakShare: 0,
      ...(index === 0 ? {} : { difference: greatestDifference(engines[0]!.logits, engine.logits) }),
    });
    const ratio = spread(ratios(compiled, rounds));
    if (engine.optional === true) speedups.push({ rival: engine.name, ratio });
    else if (index > 0) eagerOverCompiled = { eagerOverCompiled: ratio };
  }
  return { ...row, gflop: flops / 1e9, engines: results, speedups, ...eagerOverCompiled };
}
