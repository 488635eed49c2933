import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trace } from '@fusor/layers';
import { getThreads, manualSeed, setThreads } from '@fusor/native';
import { findModel, type ModelEntry } from '@fusor/resnet';
import { randomizeNorms } from '../models/randomize.ts';
import { writeOnnx } from '../onnx/index.ts';
import type { Progress } from '../progress.ts';
import { beginRun, isNoisy } from '../results/envelope.ts';
import type { StartResult, StartResults, StartTiming } from '../results/start.ts';
import type { EngineInfo, MissingEngine } from '../results/types.ts';
import { findOnnxRuntime } from '../rival/onnxruntime.ts';
import { greatestDifference } from '../timing/difference.ts';
import { ratios } from '../timing/rounds.ts';
import { spread } from '../timing/statistics.ts';
import type { StartJob } from './job.ts';
import { measureStarts, type Start } from './measure.ts';

export interface StartOptions {
  readonly command: readonly string[];
  readonly threads?: number;
  readonly rounds: number;
  readonly rival: boolean;
  readonly progress: Progress;
}

/** What was measured, and by how much the engines' first results differ, relative to the greatest logit. */
export interface StartOutcome {
  readonly results: StartResults;
  readonly differences: readonly (number | null)[];
}

type EngineId = 'fusor' | 'onnxruntime';

/**
 * Measures whole processes, from their start to their first result: Fusor from a safetensors file and onnxruntime from an
 * ONNX file of the same network, in turns.
 */
export async function benchmarkStart(
  models: readonly string[],
  options: StartOptions,
): Promise<StartOutcome> {
  const entries = models.map(findModel);
  setThreads(options.threads ?? 0);
  const threads = getThreads();
  const { progress, rounds } = options;
  const run = await beginRun({ command: options.command, device: 'cpu', rounds, seconds: 0 });
  const engines: EngineInfo[] = [
    { id: 'fusor', label: 'fusor', kind: 'fusor', settings: "safetensors, compile with weights: 'release'" },
  ];
  const missing: MissingEngine[] = [];
  if (options.rival) {
    const found = await findOnnxRuntime();
    if ('missing' in found) {
      missing.push({ id: 'onnxruntime', label: 'onnxruntime-node', reason: found.missing });
    } else {
      const settings = 'ONNX file by its path, all optimisations';
      engines.push({ id: 'onnxruntime', label: found.name, kind: 'rival', settings });
    }
  }
  const folder = await mkdtemp(join(tmpdir(), 'fusor-bench-'));
  try {
    // A round more, which does not count.
    progress.total(entries.length * engines.length * (rounds + 1));
    const starts: StartResult[] = [];
    const differences: (number | null)[] = [];
    for (const entry of entries) {
      progress.stage(`${entry.name}: writing its files`);
      const files = await writeFiles(entry, folder);
      progress.stage(entry.name);
      const jobs = engines.map(({ id }) => {
        const engine = id as EngineId;
        const job: StartJob = { model: entry.name, file: files[engine], shape: files.shape, threads };
        return { engine, job };
      });
      const measured = await measureStarts(jobs, rounds, () => progress.step());
      const { size } = await stat(files.fusor);
      starts.push(describeStart(entry.name, threads, size, engines, measured));
      const [own, rival] = measured;
      if (rival !== undefined) differences.push(greatestDifference(own![0]!.output, rival[0]!.output));
    }
    return { results: { ...(await run.finish()), kind: 'start', engines, missing, starts }, differences };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeFiles(entry: ModelEntry, folder: string) {
  manualSeed(1);
  const model = entry.create().eval();
  randomizeNorms(model);
  const shape = [1, ...entry.inputShape];
  const fusor = join(folder, `${entry.name}.safetensors`);
  const onnxruntime = join(folder, `${entry.name}.onnx`);
  await model.save(fusor);
  await writeFile(onnxruntime, await writeOnnx(trace(model, shape), { name: entry.name }));
  return { fusor, onnxruntime, shape };
}

function describeStart(
  model: string,
  threads: number,
  fileBytes: number,
  engines: readonly EngineInfo[],
  measured: readonly (readonly Start[])[],
): StartResult {
  const times = measured.map((starts) => starts.map(({ milliseconds }) => milliseconds));
  return {
    model,
    threads,
    fileBytes,
    engines: engines.map(({ id }, index): StartTiming => {
      const starts = measured[index]!;
      const milliseconds = spread(times[index]!);
      return {
        engine: id,
        milliseconds,
        noisy: isNoisy(milliseconds),
        rounds: times[index]!,
        phases: starts[0]!.phases.map(({ name }, phase) => ({
          name,
          milliseconds: spread(starts.map(({ phases }) => phases[phase]!.milliseconds)),
        })),
        peakBytes: spread(starts.map(({ peakBytes }) => peakBytes)),
      };
    }),
    speedups: engines
      .slice(1)
      .map(({ id }, index) => ({ rival: id, ratio: spread(ratios(times[0]!, times[index + 1]!)) })),
  };
}
