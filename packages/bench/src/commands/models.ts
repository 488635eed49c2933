import type { DeviceOption } from '@fusor/native';
import { models as knownModels } from '@fusor/resnet';
import { Option } from 'commander';
import { measureCeilings } from '../machine/ceilings.ts';
import { benchmarkModels, countTurns } from '../models/benchmark.ts';
import { formatReport } from '../models/report.ts';
import { agrees } from '../models/results.ts';
import { toResults } from '../models/to-results.ts';
import { startProgress } from '../progress.ts';
import { beginRun, writeResults } from '../results/envelope.ts';
import { count, counts, seconds } from './arguments.ts';
import type { AddCommand } from './command.ts';

interface ModelsFlags {
  readonly batch: readonly number[];
  readonly threads?: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly json?: string;
  readonly eager: boolean;
  readonly rival: boolean;
  readonly device: DeviceOption;
  readonly quiet: boolean;
}

export const addModels: AddCommand = (program, finish) => {
  program
    .command('models')
    .description('ResNets with random weights: compiled, eager and in onnxruntime-node, in turns')
    .argument('[names...]', `networks (${Object.keys(knownModels).join(', ')})`, ['resnet18', 'resnet50'])
    .option('--batch <sizes>', 'images per run, separated by commas', counts, [1, 8])
    .option('--threads <n>', 'threads of every engine (default: all physical cores)', count)
    .option('--rounds <n>', 'turns of each engine', count, 9)
    .option('--seconds <s>', 'seconds that each engine runs per network and batch size', seconds, 3)
    .option('--json <file>', 'also write everything measured to a file')
    .option('--no-eager', 'leave out the eager mode')
    .option('--no-rival', 'leave out onnxruntime-node')
    .addOption(new Option('--device <name>', "'cpu', 'cuda', 'cuda:1', …").default('cpu'))
    .option('--quiet', 'no progress bar', false)
    .action(
      async (
        names: string[],
        flags: ModelsFlags,
        command: { readonly parent: { readonly rawArgs: readonly string[] } | null },
      ) => finish(await runModels(names, flags, command.parent?.rawArgs ?? [])),
    );
};

async function runModels(
  names: readonly string[],
  flags: ModelsFlags,
  command: readonly string[],
): Promise<number> {
  const { batch, threads, json, quiet, ...rest } = flags;
  const options = { ...rest, batches: batch, ...(threads === undefined ? {} : { threads }) };
  const progress = startProgress(countTurns(names, options), quiet);
  const run = await beginRun({ command, ...rest });
  const report = await benchmarkModels(names, { ...options, progress }).finally(() => progress.stop());
  const envelope = await run.finish();
  console.log(formatReport(report));
  if (json !== undefined) {
    const ceilings = await measureCeilings([report.threads], flags.device);
    await writeResults(json, toResults(report, envelope, ceilings));
  }
  return report.networks.every(agrees) ? 0 : 1;
}
