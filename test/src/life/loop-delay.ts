import { closeSync, openSync, readSync } from 'node:fs';

/** How late the event loop was, in milliseconds: of a tick that is due every millisecond. */
export interface Delay {
  readonly ticks: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What {@link watchLoop} found out. */
export interface LoopDelays {
  /** As the clock on the wall tells. */
  readonly wall: Delay;
  /**
   * Without the time for which the main thread could have run but another thread, of whatever process, had its core: what
   * is left is what this process's own JavaScript did to the loop. Absent where the system does not tell (it is Linux's
   * `/proc/<pid>/task/<tid>/schedstat`, whose second number is that time in nanoseconds).
   */
  readonly own?: Delay;
}

const period = 1;

/** Watches the loop of the main thread until `stop`, which tells what was found. */
export function watchLoop(): { ticks(): number; stop(): LoopDelays } {
  const wall: number[] = [];
  const own: number[] = [];
  const schedstat = openSchedstat();
  let last = performance.now();
  let lastWaited = schedstat?.waitedMilliseconds() ?? 0;
  const timer = setInterval(() => {
    const now = performance.now();
    const waited = schedstat?.waitedMilliseconds() ?? 0;
    wall.push(Math.max(0, now - last - period));
    own.push(Math.max(0, now - last - period - (waited - lastWaited)));
    last = now;
    lastWaited = waited;
  }, period);
  return {
    ticks: () => wall.length,
    stop() {
      clearInterval(timer);
      schedstat?.close();
      return { wall: summarize(wall), ...(schedstat === undefined ? {} : { own: summarize(own) }) };
    },
  };
}

function openSchedstat(): { waitedMilliseconds(): number; close(): void } | undefined {
  let file: number;
  try {
    file = openSync(`/proc/${process.pid}/task/${process.pid}/schedstat`, 'r');
  } catch {
    return undefined;
  }
  const buffer = Buffer.alloc(96);
  return {
    waitedMilliseconds: () => {
      const length = readSync(file, buffer, 0, buffer.length, 0);
      return Number(buffer.toString('latin1', 0, length).split(' ')[1]) / 1e6;
    },
    close: () => closeSync(file),
  };
}

function summarize(delays: readonly number[]): Delay {
  const sorted = delays.toSorted((a, b) => a - b);
  const at = (fraction: number) => sorted[Math.floor(fraction * (sorted.length - 1))] ?? 0;
  return { ticks: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
