import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UnsupportedError } from '@fusor/errors';
import type { StartJob, StartReport } from './job.ts';

/** One start of one engine. */
export interface Start {
  /** From the request to start the process until its result had arrived here. */
  readonly milliseconds: number;
  readonly phases: readonly { readonly name: string; readonly milliseconds: number }[];
  readonly peakBytes: number;
  readonly output: Float32Array;
}

/** Starts a process that does one job, and waits for its result and its end. */
export async function measureStart(engine: 'fusor' | 'onnxruntime', job: StartJob): Promise<Start> {
  const script = fileURLToPath(new URL(`./${engine}-process.js`, import.meta.url));
  const begin = performance.timeOrigin + performance.now();
  // The same Node with none of the flags or hooks that this process has.
  const child = spawn(process.execPath, [script, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let output = '';
  let errors = '';
  let end = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (end === 0 && output.includes('\n')) end = performance.timeOrigin + performance.now();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2000);
  });
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0 || end === 0) {
    throw new UnsupportedError(`${engine}: the process ended with ${status}: ${errors.trim()}`);
  }
  const report = JSON.parse(output) as StartReport;
  let last = begin;
  const phases = report.ends.map(({ name, at }) => {
    const milliseconds = Math.max(0, at - last);
    last = at;
    return { name, milliseconds };
  });
  return {
    milliseconds: end - begin,
    phases,
    peakBytes: report.peakBytes,
    output: Float32Array.from(report.output),
  };
}

/** Engines in turns, round by round; the first round, which brings files into memory, does not count. */
export async function measureStarts(
  jobs: readonly { readonly engine: 'fusor' | 'onnxruntime'; readonly job: StartJob }[],
  rounds: number,
  onTurn: () => void,
): Promise<Start[][]> {
  const starts: Start[][] = jobs.map(() => []);
  for (let round = -1; round < rounds; ++round) {
    for (let turn = 0; turn < jobs.length; ++turn) {
      const index = (Math.max(round, 0) + turn) % jobs.length;
      await sleep(pauseMilliseconds);
      const start = await measureStart(jobs[index]!.engine, jobs[index]!.job);
      if (round >= 0) starts[index]!.push(start);
      onTurn();
    }
  }
  return starts;
}

/** For the memory of the process before to be given back. */
const pauseMilliseconds = 50;
