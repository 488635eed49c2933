import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const benchScript: string = fileURLToPath(new URL('../bin/fusor-bench.js', import.meta.url));

export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Milliseconds for tests that measure: some seconds, but many more where twenty others want the same two cores. */
export const onBusyMachines = 240_000;

/** Runs `fusor-bench` in a process of its own. */
export function runBench(...args: string[]): Promise<Finished> {
  return runNode(benchScript, ...args);
}

export function runNode(...args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: onBusyMachines }, (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}
