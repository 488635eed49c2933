import { compile } from '@fusor/layers';
import { type DeviceOption, getThreads, manualSeed, setThreads } from '@fusor/native';
import { findModel, type ModelEntry } from '@fusor/resnet';
import { measureCeilings, raisePeaks } from '../machine/ceilings.ts';
import { layersOf } from '../models/layers.ts';
import { titled } from '../models/precision.ts';
import { generator, randomizeNorms, uniform } from '../models/randomize.ts';
import type { Progress } from '../progress.ts';
import { beginRun } from '../results/envelope.ts';
import type { RooflineNetwork, RooflineResults } from '../results/roofline.ts';
import type { Layer, Precision } from '../results/types.ts';
import { spread } from '../timing/statistics.ts';

export interface RooflineOptions {
  readonly command: readonly string[];
  readonly batches: readonly number[];
  readonly threads: readonly number[];
  readonly rounds: number;
  /** Seconds that each network runs, over all rounds. */
  readonly seconds: number;
  readonly device: DeviceOption;
  readonly dtype: Precision;
  readonly progress: Progress;
}

/** Measures what the machine can do at most, and every step of networks of @fusor/resnet within a compiled plan. */
export async function measureRoofline(
  models: readonly string[],
  options: RooflineOptions,
): Promise<RooflineResults> {
  const entries = models.map(findModel);
  const { batches, threads, rounds, seconds, device, dtype, progress, command } = options;
  const threadsBefore = getThreads();
  const run = await beginRun({ command, device, rounds, seconds });
  progress.total(entries.length * batches.length * threads.length * rounds);
  progress.stage('measuring what the machine can do');
  try {
    const ceilings = await measureCeilings(threads, device);
    const networks: RooflineNetwork[] = [];
    for (const entry of entries) {
      for (const batch of batches) {
        for (const count of threads) {
          setThreads(count);
          progress.stage(`${entry.name}, batch ${batch}, ${count} threads`);
          const layers = await measureLayers(entry, batch, count, options);
          networks.push({ ...titled(entry.name, dtype), batch, threads: count, layers });
        }
      }
    }
    const envelope = await run.finish();
    return { ...envelope, kind: 'roofline', ceilings: await raisePeaks(ceilings, device), networks };
  } finally {
    setThreads(threadsBefore);
  }
}

async function measureLayers(
  entry: ModelEntry,
  batch: number,
  threads: number,
  { rounds, seconds, device, dtype, progress }: RooflineOptions,
): Promise<Layer[]> {
  manualSeed(1);
  const model = entry.create().eval();
  randomizeNorms(model);
  const shape = [batch, ...entry.inputShape];
  const images = uniform(
    generator(2),
    shape.reduce((product, size) => product * size, 1),
    -1,
    1,
  );
  const plan = await compile(model, { input: shape, device, dtype, threads });
  try {
    const first = await plan.profile(images, { repeats: 1 });
    const repeats = Math.max(1, Math.min(1000, Math.round(seconds / rounds / first.seconds)));
    const profiles = [];
    for (let round = 0; round < rounds; ++round) {
      profiles.push((await plan.profile(images, { repeats })).steps);
      progress.step();
    }
    return layersOf(profiles, spread);
  } finally {
    plan.dispose();
    model.dispose();
  }
}
