#!/usr/bin/env node
// fusor-classify: says what is on images. Everything is in cli/command.ts; this file gives it the process.

import { run } from './cli/command.ts';

// A reader that has seen enough (`fusor-classify … | head`) closes the pipe; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  process.exitCode = await run(process.argv.slice(2), {
    input: process.stdin,
    output: process.stdout,
    errors: process.stderr,
    cwd: process.cwd(),
  });
} catch (error) {
  // A mistake of ours, not of the user: with its stack, and not with the status 1 that Node would end with.
  console.error(error);
  process.exitCode = 2;
}
