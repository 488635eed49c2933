import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { OtherWork } from '../results/types.ts';

/** How often the system's counters are read. */
const intervalMilliseconds = 250;

/** CPU time in seconds since the system and this process started. */
export interface CpuTimes {
  /** Of all processes, on all cores. */
  readonly busy: number;
  /** Given to other virtual machines. */
  readonly stolen: number;
  /** Of this process and its descendants. */
  readonly own: number;
}

/** Clock ticks of /proc per second; the kernel reports in hundredths wherever Node runs. */
const ticksPerSecond = 100;

/** The first line of /proc/stat: user nice system idle iowait irq softirq steal guest guest_nice, in ticks. */
export function parseStat(text: string): { readonly busy: number; readonly stolen: number } {
  const ticks = (/^cpu +(.*)$/m.exec(text)?.[1] ?? '').split(' ').map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks;
  return {
    busy: (user + nice + system + irq + softirq) / ticksPerSecond,
    stolen: steal / ticksPerSecond,
  };
}

/** Parent and CPU seconds of a process, from /proc/<pid>/stat; the name in parentheses may hold anything. */
export function parseProcess(text: string): { readonly parent: number; readonly seconds: number } {
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  // After the name: state, parent, … user time is the 12th, system time the 13th; then those of waited-for children.
  const [, parent = 0] = fields;
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + (fields[index] ?? 0), 0);
  return { parent, seconds: ticks / ticksPerSecond };
}

/** CPU seconds of this process and its descendants. */
async function ownSeconds(): Promise<number> {
  const processes = new Map<number, { readonly parent: number; readonly seconds: number }>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      processes.set(Number(name), parseProcess(await readFile(`/proc/${name}/stat`, 'utf8')));
    } catch {
      // It has ended.
    }
  }
  let total = 0;
  for (const [pid, { seconds }] of processes) {
    for (let at: number | undefined = pid; at !== undefined && at > 0; at = processes.get(at)?.parent) {
      if (at === process.pid) {
        total += seconds;
        break;
      }
    }
  }
  return total;
}

async function readTimes(): Promise<CpuTimes> {
  const { busy, stolen } = parseStat(await readFile('/proc/stat', 'utf8'));
  return { busy, stolen, own: await ownSeconds() };
}

/** Cores that others used between two readings `seconds` apart. */
export function otherCores(before: CpuTimes, after: CpuTimes, seconds: number): number {
  const others = after.busy - before.busy - (after.own - before.own);
  return Math.min(availableParallelism(), Math.max(0, others / seconds));
}

/** Watches what else the machine does until `stop`. */
export interface Watch {
  /** What was seen; undefined where the system does not tell (not Linux). */
  stop(): Promise<OtherWork | undefined>;
}

/** Starts to sample the work of other processes, a few times a second: some 0.1% of a core. */
export function watchOtherWork(): Watch {
  const cores: number[] = [];
  let first: { readonly times: CpuTimes; readonly at: number } | undefined;
  let last = first;
  let failed = false;
  const sample = async () => {
    try {
      const now = { times: await readTimes(), at: performance.now() };
      if (last !== undefined) cores.push(otherCores(last.times, now.times, (now.at - last.at) / 1000));
      first ??= now;
      last = now;
    } catch {
      failed = true;
    }
  };
  let running = sample();
  const timer = setInterval(() => {
    running = running.then(sample);
  }, intervalMilliseconds);
  timer.unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await running;
      await sample();
      if (failed || first === undefined || last === undefined || last.at === first.at) return undefined;
      const seconds = (last.at - first.at) / 1000;
      return {
        samples: cores.length,
        meanCores: otherCores(first.times, last.times, seconds),
        maxCores: Math.max(0, ...cores),
        meanStolenCores: Math.max(0, (last.times.stolen - first.times.stolen) / seconds),
      };
    },
  };
}
