import { readdirSync, readFileSync } from 'node:fs';
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

/**
 * CPU seconds of this process and its descendants. Where the kernel lists a thread's children, only those are read;
 * elsewhere all processes of the machine.
 */
function ownSeconds(): number {
  const own = childrenOf(process.pid);
  return own === undefined ? secondsOfTree(everyProcess()) : secondsOfFamily(process.pid, own);
}

/** What a file of /proc says; undefined once its process has ended. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return undefined;
  }
}

/** Processes that the first thread of `pid` started: Node starts them all from there. */
function childrenOf(pid: number): number[] | undefined {
  return readProc(`${pid}/task/${pid}/children`)?.split(' ').filter(Boolean).map(Number);
}

function secondsOfFamily(pid: number, children: readonly number[]): number {
  const text = readProc(`${pid}/stat`);
  const own = text === undefined ? 0 : parseProcess(text).seconds;
  return children.reduce((sum, child) => sum + secondsOfFamily(child, childrenOf(child) ?? []), own);
}

type Processes = ReadonlyMap<number, ReturnType<typeof parseProcess>>;

function everyProcess(): Processes {
  const processes = new Map<number, ReturnType<typeof parseProcess>>();
  for (const name of readdirSync('/proc')) {
    const text = /^\d+$/.test(name) ? readProc(`${name}/stat`) : undefined;
    if (text !== undefined) processes.set(Number(name), parseProcess(text));
  }
  return processes;
}

function secondsOfTree(processes: Processes): number {
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

function readTimes(): CpuTimes {
  const { busy, stolen } = parseStat(readFileSync('/proc/stat', 'utf8'));
  return { busy, stolen, own: ownSeconds() };
}

/** Cores that others used between two readings `seconds` apart. */
export function otherCores(before: CpuTimes, after: CpuTimes, seconds: number): number {
  const others = after.busy - before.busy - (after.own - before.own);
  return Math.min(availableParallelism(), Math.max(0, others / seconds));
}

/** Watches what else the machine does until `stop`. */
export interface Watch {
  /** What was seen; undefined where the system does not tell (not Linux). */
  stop(): OtherWork | undefined;
}

/**
 * Starts to sample the work of other processes, a few times a second. The files are read at once, on this thread: they
 * are made in memory, some microseconds each, and the threads of asynchronous reads would take their turns on the cores
 * that are being measured.
 */
export function watchOtherWork(): Watch {
  const cores: number[] = [];
  let first: { readonly times: CpuTimes; readonly at: number } | undefined;
  let last = first;
  let failed = false;
  const sample = () => {
    try {
      const now = { times: readTimes(), at: performance.now() };
      if (last !== undefined) cores.push(otherCores(last.times, now.times, (now.at - last.at) / 1000));
      first ??= now;
      last = now;
    } catch {
      failed = true;
    }
  };
  sample();
  const timer = setInterval(sample, intervalMilliseconds);
  timer.unref();
  return {
    stop: () => {
      clearInterval(timer);
      sample();
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
