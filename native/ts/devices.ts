import { ArgumentError } from '@fusor/errors';
import { addon, quiet, startJob } from './addon/environment.ts';
import { checkInteger, checkOptions } from './check.ts';
import { deviceIndex, deviceOf, engineDevices, resolveDevice } from './device.ts';
import type { Device, DeviceOption } from './types.ts';

/** A device of this machine, or why there is none. */
export interface DeviceInfo {
  /** What `device` options take. */
  readonly id: Device;
  readonly kind: string;
  /** `'AMD EPYC 7B13'` */
  readonly name: string;
  readonly available: boolean;
  /** Why it is not available. */
  readonly reason?: string;
  /** What its kernels were built for: `'avx2'`, `'sm_90a'`. */
  readonly instructionSet: string;
  /** Physical cores available to the process, or multiprocessors. */
  readonly computeUnits: number;
  /** 0 where the system decides. */
  readonly memoryBytes: number;
}

/** All devices. Those that cannot be used say why. */
export async function devices(): Promise<DeviceInfo[]> {
  return engineDevices().map((device) => ({
    id: device.id as Device,
    kind: device.kind,
    name: device.name,
    available: device.available,
    ...(device.available ? {} : { reason: device.reason }),
    instructionSet: device.instructionSet,
    computeUnits: device.computeUnits,
    memoryBytes: device.memoryBytes,
  }));
}

/** What lives on a device, or on all. */
export interface MemoryInfo {
  /** Live tensors; views of one tensor count once. */
  readonly tensors: number;
  /** Their bytes. */
  readonly bytes: number;
  readonly plans: number;
  /** Arenas and packed weights. */
  readonly planBytes: number;
}

/**
 * Live tensors and plans and their bytes in this process, in all and per device. A disposed tensor counts until the work
 * queued with it is done: `await synchronize()` first for a steady figure.
 */
export function memory(): MemoryInfo & { readonly devices: Readonly<Partial<Record<Device, MemoryInfo>>> } {
  const perDevice: Partial<Record<Device, MemoryInfo>> = {};
  const all = { tensors: 0, bytes: 0, plans: 0, planBytes: 0 };
  for (const [index, device] of engineDevices().entries()) {
    if (!device.available) continue;
    const [tensors, bytes, plans, planBytes] = addon.memory(index);
    perDevice[deviceOf(index)] = { tensors, bytes, plans, planBytes };
    all.tensors += tensors;
    all.bytes += bytes;
    all.plans += plans;
    all.planBytes += planBytes;
  }
  return { ...all, devices: perDevice };
}

/**
 * Waits until everything queued on a device (default: all that can be used) is done.
 * @throws (rejects) the first failure since the last call that no tensor carries.
 */
export function synchronize(device?: DeviceOption): Promise<void> {
  const indices =
    device === undefined
      ? [...engineDevices().entries()].filter(([, info]) => info.available).map(([index]) => index)
      : [deviceIndex(resolveDevice('synchronize', device))];
  const jobs = indices.map((index) => quiet(startJob((job) => addon.synchronize(index, job))));
  return quiet(Promise.all(jobs).then(() => undefined));
}

/**
 * Sets the number of threads that this process computes with on the CPU; 0 for the default, the physical cores that are
 * available to it. Results do not depend on it.
 */
export function setThreads(threads: number): void {
  if (checkInteger('setThreads', 'threads', threads) < 0) {
    throw new ArgumentError(`setThreads: threads must be at least 0, got ${threads}`);
  }
  addon.setThreads(threads);
}

export function getThreads(): number {
  return addon.getThreads();
}

/**
 * GFLOP/s of independent f32 fused multiply-adds in registers: what no kernel can exceed.
 * @param options.threads default 0: all
 */
export function measurePeak(
  options: { readonly threads?: number | undefined; readonly device?: DeviceOption | undefined } = {},
): Promise<number> {
  checkOptions('measurePeak', options, ['threads', 'device']);
  const threads = checkInteger('measurePeak', 'threads', options.threads ?? 0);
  const device = deviceIndex(resolveDevice('measurePeak', options.device));
  const result = new Float64Array(new ArrayBuffer(8));
  return quiet(startJob((job) => addon.measurePeak(device, threads, result, job)).then(() => result[0]!));
}
