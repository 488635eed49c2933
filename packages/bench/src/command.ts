import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { FusorError } from '@fusor/errors';
import type { DeviceOption } from '@fusor/native';
import { models as knownModels } from '@fusor/resnet';
import { Command, InvalidArgumentError, Option } from 'commander';
import { benchmarkModels, countTurns } from './models/benchmark.ts';
import { formatReport } from './models/report.ts';
import { agrees } from './models/results.ts';
import { startProgress } from './progress.ts';

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

/**
 * The command line of `fusor-bench`. Resolves to the exit status: 0 measured, 1 the engines did not agree on the
 * logits, 2 nothing was measured.
 */
export async function main(args: readonly string[]): Promise<number> {
  let status = 0;
  const program = new Command('fusor-bench')
    .description('Measures Fusor on this machine, next to other engines.')
    .version(packageVersion())
    .showHelpAfterError('(fusor-bench --help shows all commands)')
    .exitOverride();
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
    .action(async (names: string[], flags: ModelsFlags) => {
      status = await runModels(names, flags);
    });
  try {
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    return explain(error);
  }
}

async function runModels(names: readonly string[], flags: ModelsFlags): Promise<number> {
  const { batch, threads, json, quiet, ...rest } = flags;
  const options = { ...rest, batches: batch, ...(threads === undefined ? {} : { threads }) };
  const progress = startProgress(countTurns(names, options), quiet);
  const report = await benchmarkModels(names, { ...options, progress }).finally(() => progress.stop());
  console.log(formatReport(report));
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  return report.networks.every(agrees) ? 0 : 1;
}

/** Complaints about the command line have been written by then; errors of ours have a message made for people. */
function explain(error: unknown): number {
  if (error instanceof Error && 'exitCode' in error) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof FusorError)) throw error;
  console.error(`fusor-bench: ${error.message}`);
  return 2;
}

function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 65_536) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 65536.');
  }
  return value;
}

function counts(text: string): number[] {
  return text.split(',').map((item) => count(item.trim()));
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 3600)) {
    throw new InvalidArgumentError('It must be a number of seconds from 0 to 3600.');
  }
  return value;
}

function packageVersion(): string {
  return (createRequire(import.meta.url)('../package.json') as { version: string }).version;
}
