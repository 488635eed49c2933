import { createRequire } from 'node:module';
import { FusorError } from '@fusor/errors';
import { Command } from 'commander';
import type { AddCommand } from './commands/command.ts';
import { addKernels } from './commands/kernels.ts';
import { addModels } from './commands/models.ts';
import { addReport } from './commands/report.ts';

/** The commands in the order in which the help lists them; each has a file of its own. */
const commands: readonly AddCommand[] = [addModels, addKernels, addReport];

/**
 * The command line of `fusor-bench`. Resolves to the exit status: 0 measured, 1 something is wrong with what was found
 * (engines did not agree, a kernel became slower), 2 nothing was measured.
 */
export async function main(args: readonly string[]): Promise<number> {
  let status = 0;
  const program = new Command('fusor-bench')
    .description('Measures Fusor on this machine, next to other engines.')
    .version(packageVersion())
    .showHelpAfterError('(fusor-bench --help shows all commands)')
    .exitOverride();
  for (const add of commands) {
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
