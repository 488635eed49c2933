import { models as knownModels } from '@fusor/resnet';
import type { Command } from 'commander';
import { startProgress } from '../progress.ts';
import { markdownReport } from '../report/write.ts';
import { resultsJson } from '../results/json.ts';
import { benchmarkStart } from '../start/benchmark.ts';
import { formatStart } from '../start/report.ts';
import { count } from './arguments.ts';
import type { AddCommand } from './command.ts';
import { addOutput, addRivals, chosenRivals, commandLine, type OutputFlags } from './options.ts';
import { checkOutput, writeOutput } from './output.ts';

interface StartFlags extends OutputFlags {
  readonly threads?: number;
  readonly rounds: number;
  readonly rivals?: readonly string[] | boolean;
  readonly progress: boolean;
}

/** Logits of the two engines may differ by this share of the greatest one. */
const tolerance = 1e-4;

export const addStart: AddCommand = (program, finish) => {
  const command = program
    .command('start')
    .description('from process start to the first result, and peak memory, next to onnxruntime-node')
    .argument('[names...]', `networks (${Object.keys(knownModels).join(', ')})`, ['resnet50'])
    .option('--threads <n>', 'threads of every engine (default: all physical cores)', count)
    .option('--rounds <n>', 'processes of each engine', count, 9)
    .option('--no-progress', 'no progress bar');
  addRivals(command, ['onnxruntime']);
  addOutput(command).action(async (names: string[], flags: StartFlags, self: Command) =>
    finish(await runStart(names, flags, commandLine(self))),
  );
};

async function runStart(
  names: readonly string[],
  flags: StartFlags,
  command: readonly string[],
): Promise<number> {
  checkOutput(flags);
  const rival = chosenRivals(flags.rivals, ['onnxruntime']).length > 0;
  const progress = startProgress(flags.progress);
  const { results, differences } = await benchmarkStart(names, {
    command,
    rival,
    rounds: flags.rounds,
    progress,
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
  }).finally(() => progress.stop());
  await writeOutput(flags, {
    text: () => formatStart(results),
    json: () => resultsJson(results),
    markdown: () => markdownReport([{ name: 'this run', results }]),
  });
  if (differences.every((difference) => difference !== null && difference <= tolerance)) return 0;
  console.error(`fusor-bench: the engines do not agree: ${differences.join(', ')}`);
  return 1;
}
