import { createRequire } from 'node:module';
import { FusorError } from '@fusor/errors';
import { Command } from 'commander';
import type { AddCommand } from './commands/command.ts';
import { addCompare } from './commands/compare.ts';
import { addDoctor } from './commands/doctor.ts';
import { addReport } from './commands/report.ts';

/** The commands that measure, in the order in which the help lists them. */
const measuring = ['models', 'kernels', 'roofline', 'start'] as const;

/**
 * The command line of `fusor-bench`. Resolves to the exit status: 0 measured, 1 something is wrong with what was found
 * (engines did not agree, something became slower), 2 nothing was measured.
 */
export async function main(args: readonly string[]): Promise<number> {
  let status = 0;
  const program = new Command('fusor-bench')
    .description('Measures Fusor on this machine, next to other engines.')
    .version(packageVersion())
    .showHelpAfterError('(fusor-bench --help shows all commands)')
    .exitOverride();
  for (const add of [...(await measuringCommands()), addCompare, addReport, addDoctor]) {
    add(program, (result) => {
      status = result;
    });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    return explain(error);
  }
}

/**
 * The commands that need the native part of Fusor. Where it cannot be loaded they are in the help still, and say so when
 * they are called; the other commands, `doctor` above all, work.
 */
async function measuringCommands(): Promise<readonly AddCommand[]> {
  try {
    return (await import('./commands/measuring.ts')).measuringCommands;
  } catch (error) {
    if (!(error instanceof FusorError)) throw error;
    return measuring.map(
      (name): AddCommand =>
        (program) => {
          program
            .command(name)
            .description('cannot run here: the native part of Fusor is not loaded')
            .argument('[arguments...]')
            .allowUnknownOption()
            .helpOption(false)
            .action(() => {
              const advice = `${error.message}\nfusor-bench doctor looks into it.`;
              throw new FusorError(advice, error.code, { cause: error });
            });
        },
    );
  }
}

/** Complaints about the command line have been written by then; errors of ours have a message made for people. */
function explain(error: unknown): number {
  if (error instanceof Error && 'exitCode' in error) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof FusorError)) throw error;
  console.error(`fusor-bench: ${error.message}`);
  return 2;
}

function packageVersion(): string {
  return (createRequire(import.meta.url)('../package.json') as { version: string }).version;
}
