import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/** What a GPU was doing while figures were taken, sampled by its driver's own tool. */
export interface GpuState {
  readonly samples: number;
  /** Clocks of the multiprocessors and of the memory, lowest and highest sample. */
  readonly processorMegahertz: Range;
  readonly memoryMegahertz: Range;
  readonly celsius: Range;
  readonly watts: Range;
  /** Share of the samples in which the card held its clocks down because of power or heat. */
  readonly heldDown: number;
}

export type Range = readonly [least: number, most: number];

/** One line of the tool: processor MHz, memory MHz, °C, W, reasons for the present clock as a bit mask. */
export interface GpuSample {
  readonly processorMegahertz: number;
  readonly memoryMegahertz: number;
  readonly celsius: number;
  readonly watts: number;
  readonly heldDown: boolean;
}

const fields = 'clocks.sm,clocks.mem,temperature.gpu,power.draw,clocks_event_reasons.active';
const sampleMilliseconds = 250;

/** Power cap, hardware slowdown, software and hardware thermal slowdown, power brake (nvml.h: nvmlClocksEventReasons). */
const heldDownBits = 0x4n | 0x8n | 0x20n | 0x40n | 0x80n;

/** A line as `nvidia-smi --format=csv,noheader,nounits` writes it; undefined for what is none, or has gaps. */
export function parseGpuSample(line: string): GpuSample | undefined {
  const words = line.split(',').map((word) => word.trim());
  const [processorMegahertz, memoryMegahertz, celsius, watts] = words.slice(0, 4).map(Number);
  const reasons = words[4] ?? '';
  if (words.length !== 5 || !/^0x[0-9a-f]+$/i.test(reasons)) return undefined;
  const numbers = [processorMegahertz!, memoryMegahertz!, celsius!];
  if (numbers.some((number) => !Number.isFinite(number))) return undefined;
  return {
    processorMegahertz: processorMegahertz!,
    memoryMegahertz: memoryMegahertz!,
    celsius: celsius!,
    // Some cards do not tell: "[N/A]".
    watts: Number.isFinite(watts!) ? watts! : 0,
    heldDown: (BigInt(reasons) & heldDownBits) !== 0n,
  };
}

export function summarizeGpu(samples: readonly GpuSample[]): GpuState | undefined {
  if (samples.length === 0) return undefined;
  const range = (of: (sample: GpuSample) => number): Range => {
    const values = samples.map(of);
    return [Math.min(...values), Math.max(...values)];
  };
  return {
    samples: samples.length,
    processorMegahertz: range((sample) => sample.processorMegahertz),
    memoryMegahertz: range((sample) => sample.memoryMegahertz),
    celsius: range((sample) => sample.celsius),
    watts: range((sample) => sample.watts),
    heldDown: samples.filter(({ heldDown }) => heldDown).length / samples.length,
  };
}

/** The driver's name for a device of this process: `CUDA_VISIBLE_DEVICES` hides and reorders them. */
export function driverId(
  device: string,
  visible: string | undefined = process.env.CUDA_VISIBLE_DEVICES,
): string | undefined {
  const index = /^cuda:(\d+)$/.exec(device)?.[1];
  if (index === undefined) return undefined;
  return visible === undefined ? index : visible.split(',')[Number(index)]?.trim();
}

export interface GpuWatch {
  /** Until the first samples are there, or none will come. */
  readonly sampled: Promise<void>;
  stop(): Promise<GpuState | undefined>;
}

/**
 * Watches the GPU that `device` is until `stop`, which gives undefined for other devices and where there is no
 * nvidia-smi.
 *
 * @param command the tool; tests give their own
 */
export function watchGpu(device: string, command = 'nvidia-smi'): GpuWatch {
  const id = driverId(device);
  if (id === undefined) return { sampled: Promise.resolve(), stop: async () => undefined };
  const samples: GpuSample[] = [];
  const child: ChildProcess = spawn(
    command,
    [
      `--id=${id}`,
      `--query-gpu=${fields}`,
      '--format=csv,noheader,nounits',
      `--loop-ms=${sampleMilliseconds}`,
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  // A run that fails must not wait for the tool, which never ends by itself.
  child.unref();
  (child.stdout as Socket).unref();
  let rest = '';
  let haveSamples = () => {};
  const first = new Promise<void>((resolve) => {
    haveSamples = resolve;
  });
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    samples.push(...lines.map(parseGpuSample).filter((sample) => sample !== undefined));
    if (samples.length > 0) haveSamples();
  });
  const ended = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('close', () => resolve());
  });
  return {
    sampled: Promise.race([first, ended]),
    stop: async () => {
      child.ref();
      child.kill();
      await ended;
      return summarizeGpu(samples);
    },
  };
}
