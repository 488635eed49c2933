// Running programs within what is left of the budget.
import { spawn, spawnSync } from 'node:child_process';

export function has(command, args = ['--version']) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** What CMake calls machine code for the GPUs that the driver's own tool lists: `['90-real']`; none without it. */
export function architectures(command = 'nvidia-smi') {
  const { status, stdout } = spawnSync(command, ['--query-gpu=compute_cap', '--format=csv,noheader'], {
    encoding: 'utf8',
  });
  if (status !== 0) return [];
  const numbers = [...stdout.matchAll(/^(\d+)\.(\d)\s*$/gm)].map(([, major, minor]) => Number(major + minor));
  return [...new Set(numbers)].sort((a, b) => a - b).map((number) => `${number}-real`);
}

/**
 * Runs a program to its end, or until `deadline` (milliseconds since 1970). Every line of its standard output goes to `line`.
 * Gives `{ status, output, late }`: its exit status, the end of both streams, whether it was stopped.
 */
export function runProgram(command, args, { deadline, line, ...options }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    let rest = '';
    let late = false;
    const timer = setTimeout(
      () => {
        late = true;
        child.kill('SIGTERM');
      },
      Math.max(0, deadline - Date.now()),
    );
    const keep = (text) => {
      output = (output + text).slice(-20_000);
    };
    child.stdout.on('data', (bytes) => {
      keep(bytes);
      const lines = (rest + bytes).split('\n');
      rest = lines.pop();
      if (line !== undefined) for (const each of lines) line(each);
    });
    child.stderr.on('data', keep);
    child.on('error', (error) => keep(`${error.message}\n`));
    child.on('close', (status) => {
      clearTimeout(timer);
      if (rest !== '' && line !== undefined) line(rest);
      resolve({ status, output, late });
    });
  });
}
