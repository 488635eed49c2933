import { DeviceError } from '@fusor/errors';
import type { AddonDevice } from './addon/addon.ts';
import { addon } from './addon/environment.ts';
import { type BackendKind, backendOf, openBackend, openBackendLater, takesLong } from './backends.ts';
import { show } from './check.ts';
import type { Device, DeviceOption } from './types.ts';

let known: readonly AddonDevice[] = [];
let indices: ReadonlyMap<string, number> = new Map();
// Names that were found to be a device that can be used. One that is lost later says so itself.
const resolved = new Map<string, Device>();

/** The engine's devices as they are now: the CPU, and those of the backends that were opened. */
export function engineDevices(): readonly AddonDevice[] {
  known = addon.devices();
  indices = new Map(known.map((device, index) => [device.id, index]));
  return known;
}

/** The id of the engine's device number `index`. */
export function deviceOf(index: number): Device {
  return (known[index] ?? engineDevices()[index])!.id as Device;
}

/** The engine's number of a device that can be used. */
export function deviceIndex(device: Device): number {
  if (device === 'cpu') return 0;
  if (!indices.has(device)) engineDevices();
  return indices.get(device)!;
}

/**
 * The device that an option names, by the id the engine knows it under. The first call that asks for a GPU opens the
 * backend, which may take as long as the driver needs; `await devices()` before it does that without holding up the
 * event loop.
 * @throws DeviceError saying what is missing.
 */
export function resolveDevice(operation: string, option: DeviceOption | undefined): Device {
  if (option === undefined || option === 'cpu') return 'cpu';
  let device = resolved.get(option);
  if (device === undefined) {
    device = findDevice(operation, option);
    resolved.set(option, device);
  }
  return device;
}

/**
 * Opens the backend that an option may mean, without holding up the event loop: {@link resolveDevice} is then quick.
 * Undefined where it is quick already, so that callers who need not wait do not.
 */
export function prepareDevice(option: DeviceOption | undefined): Promise<unknown> | undefined {
  const backend = option === 'auto' ? 'cuda' : typeof option === 'string' ? backendOf(option) : undefined;
  return backend !== undefined && takesLong(backend) ? openBackendLater(backend) : undefined;
}

function findDevice(operation: string, option: DeviceOption): Device {
  if (option === 'auto') {
    // Emulated devices are for tests: slow, and never meant by 'auto'.
    openBackend('cuda');
    return (engineDevices().find(({ kind, available }) => kind === 'cuda' && available)?.id ??
      'cpu') as Device;
  }
  const backend = typeof option === 'string' ? backendOf(option) : undefined;
  if (backend === undefined) {
    throw new DeviceError(
      `${operation}: there is no device ${show(option)} (there are: ${deviceIds()}, and 'auto')`,
    );
  }
  return resolveOf(backend, operation, option);
}

function resolveOf(backend: BackendKind, operation: string, option: string): Device {
  const refusal = openBackend(backend);
  if (refusal !== undefined) {
    throw new DeviceError(`${operation}: device '${option}' cannot be used: ${refusal}`);
  }
  const devices = engineDevices().filter(({ kind }) => kind === backend);
  // 'cuda' is the first of its kind; a backend without devices has one entry, without a number, which says why.
  const device =
    devices.find(({ id }) => id === option || id === `${option}:0`) ??
    devices.find(({ id }) => id === backend);
  if (device === undefined) {
    throw new DeviceError(
      `${operation}: there is no device ${show(option)} (there are: ${deviceIds()}, and 'auto')`,
    );
  }
  if (!device.available) {
    throw new DeviceError(`${operation}: device '${option}' cannot be used: ${device.reason}`);
  }
  return device.id as Device;
}

function deviceIds(): string {
  return engineDevices()
    .map(({ id }) => `'${id}'`)
    .join(', ');
}
