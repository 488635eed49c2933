import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type DeviceOption, devices } from '@fusor/native';
import { resolveDevice } from '@fusor/native/trace';
import { watchGpu } from '../machine/gpu.ts';
import { describeMachine, readLoad } from '../machine/machine.ts';
import { watchOtherWork } from '../machine/other-work.ts';
import type { Spread } from '../timing/statistics.ts';
import { type Envelope, resultsVersion } from './types.ts';

/** A figure is noisy when the half of its rounds around the median spreads over more than this share of it. */
export const noiseBound = 0.1;

export function isNoisy({ median, lowerQuartile, upperQuartile }: Spread): boolean {
  return upperQuartile - lowerQuartile > noiseBound * median;
}

/** What the measured part of a run says about itself. */
export interface RunSettings {
  readonly command: readonly string[];
  readonly device: DeviceOption;
  readonly rounds: number;
  readonly seconds: number;
}

/** Begins to watch the machine; `finish` gives what every results file says, once the figures are taken. */
export async function beginRun(settings: RunSettings): Promise<{ finish(): Promise<Envelope> }> {
  const id = resolveDevice('fusor-bench', settings.device);
  const device = (await devices()).find((candidate) => candidate.id === id)!;
  const before = await readLoad();
  const watch = watchOtherWork();
  const gpuWatch = watchGpu(id);
  return {
    finish: async () => {
      const during = watch.stop();
      const gpu = await gpuWatch.stop();
      return {
        format: 'fusor-bench',
        version: resultsVersion,
        date: new Date().toISOString(),
        command: settings.command,
        fusor: await fusorVersion(),
        machine: describeMachine(),
        device: { id: device.id, name: device.name, instructionSet: device.instructionSet },
        load: { before, after: await readLoad(), ...(during === undefined ? {} : { during }) },
        ...(gpu === undefined ? {} : { gpu }),
        rounds: settings.rounds,
        secondsPerEngine: settings.seconds,
        noiseBound,
      };
    },
  };
}

/** Version of the package, and the commit where it runs from a checkout. */
export async function fusorVersion(): Promise<Envelope['fusor']> {
  const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
  const folder = fileURLToPath(new URL('../..', import.meta.url));
  // An installed package may lie in somebody else's checkout, whose commit says nothing about it.
  if (folder.includes('node_modules')) return { version };
  try {
    const git = promisify(execFile);
    const { stdout } = await git('git', ['describe', '--always', '--exclude=*', '--dirty=+'], {
      cwd: folder,
    });
    return { version, commit: stdout.trim() };
  } catch {
    return { version };
  }
}
