import { readFile } from 'node:fs/promises';
import os from 'node:os';

/** The machine a benchmark ran on, as far as it explains the numbers. */
export interface Machine {
  readonly processor: string;
  /** Threads that the system shows; with simultaneous multithreading two of them share a core. */
  readonly logicalCores: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly node: string;
}

export function describeMachine(): Machine {
  const cores = os.cpus();
  return {
    processor: cores[0]?.model.trim() ?? 'unknown processor',
    logicalCores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    platform: `${os.platform()} ${os.release()} ${os.arch()}`,
    node: process.version,
  };
}

/** How many tasks wanted a core, averaged over a minute, and how many do at this moment. */
export interface Load {
  readonly average: number;
  /** Tasks running or ready now, this process's among them; absent where the system does not tell. */
  readonly running?: number;
}

/** What else the machine is doing: a benchmark next to other work says so. */
export async function readLoad(): Promise<Load> {
  const average = os.loadavg()[0] ?? 0;
  try {
    // "0.09 0.20 0.09 1/85 6042": three averages, running/all tasks, the last process id.
    const running = /^(?:\S+ ){3}(\d+)\//.exec(await readFile('/proc/loadavg', 'utf8'))?.[1];
    return running === undefined ? { average } : { average, running: Number(running) };
  } catch {
    return { average };
  }
}
