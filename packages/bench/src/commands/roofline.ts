import { type DeviceOption, getThreads } from '@fusor/native';
import { models as knownModels } from '@fusor/resnet';
import type { Command } from 'commander';
import { startProgress } from '../progress.ts';
import { markdownReport } from '../report/write.ts';
import { resultsJson } from '../results/json.ts';
import type { Precision } from '../results/types.ts';
import { measureRoofline } from '../roofline/measure.ts';
import { formatRoofline } from '../roofline/report.ts';
import type { AddCommand } from './command.ts';
import {
  addDevice,
  addMeasuring,
  addOutput,
  addPrecision,
  commandLine,
  type MeasuringFlags,
  type OutputFlags,
} from './options.ts';
import { checkOutput, writeOutput } from './output.ts';

interface RooflineFlags extends MeasuringFlags, OutputFlags {
  readonly device: DeviceOption;
  readonly dtype: Precision;
}

export const addRoofline: AddCommand = (program, finish) => {
  const command = program
    .command('roofline')
    .description(
      'every step of networks under the ceilings of this machine: what bounds it, and how far it is from that',
    )
    .argument('[names...]', `networks (${Object.keys(knownModels).join(', ')})`, ['resnet18', 'resnet50']);
  addMeasuring(command, { batch: [1], rounds: 5, seconds: 1, threads: 'one thread, and all physical cores' });
  addOutput(addPrecision(addDevice(command)))
    .addHelpText(
      'after',
      `
Examples:
  fusor-bench roofline resnet50
  fusor-bench roofline resnet18 --batch 1,8 --threads 1 --json roofline.json
  fusor-bench roofline resnet50 --device cuda --dtype bf16 --batch 256
  fusor-bench roofline --json roofline.json && fusor-bench report roofline.json     a chart of it
The ceilings: multiply-adds in registers (of a GPU's tensor cores large products), and copying and reading at each level of memory, measured in the same run.
Exit status: 0 measured, 2 not measured.`,
    )
    .action(async (names: string[], flags: RooflineFlags, self: Command) =>
      finish(await runRoofline(names, flags, commandLine(self))),
    );
};

/** One thread and all; of a GPU, whose speed the host's threads do not change, one row. */
function threadsFor(device: DeviceOption): readonly number[] {
  return device === 'cpu' ? [...new Set([1, getThreads()])] : [getThreads()];
}

async function runRoofline(
  names: readonly string[],
  flags: RooflineFlags,
  command: readonly string[],
): Promise<number> {
  checkOutput(flags);
  const { batch, threads = threadsFor(flags.device), rounds, seconds, device, dtype } = flags;
  const progress = startProgress(flags.progress);
  const settings = { command, batches: batch, threads, rounds, seconds, device, dtype, progress };
  const results = await measureRoofline(names, settings).finally(() => progress.stop());
  await writeOutput(flags, {
    text: () => formatRoofline(results),
    json: () => resultsJson(results),
    markdown: () => markdownReport([{ name: 'this run', results }]),
  });
  return 0;
}
