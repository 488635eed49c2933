import type { DeviceOption } from '@fusor/native';
import { models as knownModels } from '@fusor/resnet';
import type { Command } from 'commander';
import { benchmarkModels } from '../models/benchmark.ts';
import { formatModels } from '../models/report.ts';
import { startProgress } from '../progress.ts';
import { markdownReport } from '../report/write.ts';
import { resultsJson } from '../results/json.ts';
import { agrees } from '../results/models.ts';
import type { Precision } from '../results/types.ts';
import { modelRivals } from '../rival/model-rivals.ts';
import type { AddCommand } from './command.ts';
import {
  addDevice,
  addMeasuring,
  addOutput,
  addPrecision,
  addRivals,
  chosenRivals,
  commandLine,
  type MeasuringFlags,
  type OutputFlags,
} from './options.ts';
import { checkOutput, writeOutput } from './output.ts';

interface ModelsFlags extends MeasuringFlags, OutputFlags {
  readonly eager: boolean;
  readonly rivals?: readonly string[] | boolean;
  readonly device: DeviceOption;
  readonly dtype: Precision;
}

export const addModels: AddCommand = (program, finish) => {
  const command = program
    .command('models')
    .description('whole networks with random weights: compiled, eager and in other engines, in turns')
    .argument('[names...]', `networks (${Object.keys(knownModels).join(', ')})`, ['resnet18', 'resnet50']);
  addMeasuring(command, { batch: [1, 8], rounds: 9, seconds: 3 });
  addRivals(command, modelRivals).option('--no-eager', 'leave out the eager mode');
  addOutput(addPrecision(addDevice(command)))
    .addHelpText(
      'after',
      `
Examples:
  fusor-bench models                                            resnet18 and resnet50, next to all engines that are here
  fusor-bench models resnet34 --batch 1,8 --threads 1,2 --json resnet34.json
  fusor-bench models resnet50 --rivals onnxruntime --rounds 15 --seconds 10
  fusor-bench models resnet50 --device cuda --dtype bf16 --batch 1,32,256 --rivals pytorch
Exit status: 0 measured, 1 engines gave different logits, 2 not measured.`,
    )
    .action(async (names: string[], flags: ModelsFlags, self: Command) =>
      finish(await runModels(names, flags, commandLine(self))),
    );
};

async function runModels(
  names: readonly string[],
  flags: ModelsFlags,
  command: readonly string[],
): Promise<number> {
  checkOutput(flags);
  const { batch, rounds, seconds, eager, device, dtype } = flags;
  const progress = startProgress(flags.progress);
  const results = await benchmarkModels(names, {
    batches: batch,
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    rounds,
    seconds,
    eager,
    rivals: chosenRivals(flags.rivals, modelRivals),
    device,
    dtype,
    progress,
    command,
  }).finally(() => progress.stop());
  await writeOutput(flags, {
    text: () => formatModels(results),
    json: () => resultsJson(results),
    markdown: () => markdownReport([{ name: 'this run', results }]),
  });
  return results.networks.every(agrees) ? 0 : 1;
}
