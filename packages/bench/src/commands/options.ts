import { ArgumentError } from '@fusor/errors';
import { type Command, Option } from 'commander';
import { count, counts, seconds, words } from './arguments.ts';

/** Options that several commands have: the same flag means the same everywhere. */

export interface MeasuringFlags {
  readonly batch: readonly number[];
  readonly threads?: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly progress: boolean;
}

export interface OutputFlags {
  readonly json?: string | true;
  readonly markdown?: string | true;
}

export interface MeasuringDefaults {
  readonly batch: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  /** What the help says of the default thread counts. */
  readonly threads?: string;
}

/** `--batch`, `--threads`, `--rounds`, `--seconds`, `--no-progress` */
export function addMeasuring(command: Command, defaults: MeasuringDefaults): Command {
  return command
    .option('--batch <sizes>', 'images per run, a list: 1,8', counts, [...defaults.batch])
    .option(
      '--threads <counts>',
      `threads of every engine, a list: 1,2 (default: ${defaults.threads ?? 'all physical cores'})`,
      counts,
    )
    .option('--rounds <n>', 'turns of each engine', count, defaults.rounds)
    .option(
      '--seconds <s>',
      'seconds that each engine runs per row, over all rounds',
      seconds,
      defaults.seconds,
    )
    .option('--no-progress', 'no progress bar');
}

/** `--json`, `--markdown` */
export function addOutput(command: Command): Command {
  return command
    .option(
      '--json [file]',
      'write everything as JSON; without a file to standard output, instead of the table',
    )
    .option(
      '--markdown [file]',
      'write tables as Markdown; without a file to standard output, instead of the table',
    );
}

/** `--rivals`, `--no-rivals` */
export function addRivals(command: Command, known: readonly string[]): Command {
  return command
    .addOption(
      new Option(
        '--rivals <names>',
        `which other engines, a list: ${known.join(',')} (default: all)`,
      ).argParser(words),
    )
    .option('--no-rivals', 'Fusor alone');
}

/** The rivals that were asked for: all that are known, unless some are named or `--no-rivals` is. */
export function chosenRivals(
  flag: readonly string[] | boolean | undefined,
  known: readonly string[],
): readonly string[] {
  if (flag === false) return [];
  if (flag === undefined || flag === true) return known;
  const unknown = (flag as readonly string[]).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new ArgumentError(`--rivals ${unknown}: there is ${known.join(', ')}`);
  return flag as readonly string[];
}

/** `--device` */
export function addDevice(command: Command): Command {
  return command.option('--device <name>', "where Fusor runs: 'cpu', 'cuda', 'cuda:1', …", 'cpu');
}

/** `--dtype` */
export function addPrecision(command: Command): Command {
  return command.addOption(
    new Option('--dtype <name>', 'what compiled plans compute in; 16 bits on GPUs alone')
      .choices(['f32', 'f16', 'bf16'])
      .default('f32'),
  );
}

/** The command line as results files keep it. */
export function commandLine(command: Command): readonly string[] {
  return (command.parent as unknown as { readonly rawArgs?: readonly string[] } | null)?.rawArgs ?? [];
}
