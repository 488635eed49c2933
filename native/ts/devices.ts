import { ArgumentError } from '@fusor/errors';
import { addon, quiet, startJob } from './addon/environment.ts';
import { openBackend, openBackendLater } from './backends.ts';
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

/**
 * All devices. Those that cannot be used say why, and what would help; in a checkout the emulated GPU of the tests is one
 * of them.
 */
export async function devices(): Promise<DeviceInfo[]> {
  const cuda = await openBackendLater('cuda');
  openBackend('cuda-emulated');
  const list = engineDevices().map((device) => ({
    id: device.id as Device,
    kind: device.kind,
    name: device.name,
    available: device.available,
    ...(device.available ? {} : { reason: device.reason }),
    instructionSet: device.instructionSet,
    computeUnits: device.computeUnits,
    memoryBytes: device.memoryBytes,
  }));
  if (cuda !== undefined) {
    const none = { name: '', instructionSet: '', computeUnits: 0, memoryBytes: 0 };
    list.push({ id: 'cuda', kind: 'cuda', available: false, reason: cuda, ...none });
  }
  return list;
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
  /** What was taken from the device for tensors and scratch, with what is kept for later: see {@link emptyCache}. */
  readonly reservedBytes: number;
}

/**
 * Live tensors and plans and their bytes in this process, in all and per device. A disposed tensor counts until the work
 * queued with it is done: `await synchronize()` first for a steady figure.
 */
export function memory(): MemoryInfo & { readonly devices: Readonly<Partial<Record<Device, MemoryInfo>>> } {
  const perDevice: Partial<Record<Device, MemoryInfo>> = {};
  const all = { tensors: 0, bytes: 0, plans: 0, planBytes: 0, reservedBytes: 0 };
  for (const [index, device] of engineDevices().entries()) {
    if (!device.available) continue;
    const [tensors, bytes, plans, planBytes, reservedBytes] = addon.memory(index);
    perDevice[deviceOf(index)] = { tensors, bytes, plans, planBytes, reservedBytes };
    all.tensors += tensors;
    all.bytes += bytes;
    all.plans += plans;
    all.planBytes += planBytes;
    all.reservedBytes += reservedBytes;
  }
  return { ...all, devices: perDevice };
}

/**
 * Gives memory that is kept for later tensors back to the system or the GPU's driver, for others to use; on all devices by
 * default. Nothing that is alive is touched. It happens by itself where there is no more memory, and on the CPU with what
 * has not been needed for a while.
 */
export function emptyCache(device?: DeviceOption): void {
  for (const index of indicesOf('emptyCache', device)) addon.emptyCache(index);
}

/**
 * Bounds the memory that this process takes from a GPU, tensors, plans and cache together, from now on. What would
 * need more fails with `OutOfMemoryError`.
 * @param bytes 0 lifts the bound
 * @throws UnsupportedError for the CPU, where the system decides
 */
export function setMemoryLimit(bytes: number, device: DeviceOption = 'cuda'): void {
  if (checkInteger('setMemoryLimit', 'bytes', bytes) < 0) {
    throw new ArgumentError(`setMemoryLimit: bytes must be at least 0, got ${bytes}`);
  }
  addon.limitMemory(deviceIndex(resolveDevice('setMemoryLimit', device)), bytes);
}

/** The engine's number of a device, or of all that can be used and are in use. */
function indicesOf(operation: string, device: DeviceOption | undefined): number[] {
  if (device !== undefined) return [deviceIndex(resolveDevice(operation, device))];
  return [...engineDevices().entries()].filter(([, info]) => info.available).map(([index]) => index);
}

/**
 * Waits until everything queued on a device (default: all that can be used) is done.
 * @throws (rejects) the first failure since the last call that no tensor carries.
 */
export function synchronize(device?: DeviceOption): Promise<void> {
  const jobs = indicesOf('synchronize', device).map((index) =>
    quiet(startJob((job) => addon.synchronize(index, job))),
  );
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
