import { DeviceError } from '@fusor/errors';
import type { AddonDevice } from './addon/addon.ts';
import { addon } from './addon/environment.ts';
import { show } from './check.ts';
import type { Device, DeviceOption } from './types.ts';

let known: readonly AddonDevice[] | undefined;
let indices: ReadonlyMap<string, number> = new Map();

/** The engine's devices, asked for once: they are found when the engine is loaded. */
export function engineDevices(): readonly AddonDevice[] {
  if (known === undefined) {
    known = addon.devices();
    indices = new Map(known.map((device, index) => [device.id, index]));
  }
  return known;
}

/** The id of the engine's device number `index`. */
export function deviceOf(index: number): Device {
  return engineDevices()[index]!.id as Device;
}

/** The engine's number of a device that can be used. */
export function deviceIndex(device: Device): number {
  if (known === undefined) engineDevices();
  return indices.get(device)!;
}

/**
 * The device that an option names, by the id the engine knows it under.
 * @throws DeviceError saying what is missing.
 */
export function resolveDevice(operation: string, option: DeviceOption | undefined): Device {
  if (option === undefined || option === 'cpu') return 'cpu';
  const devices = engineDevices();
  if (option === 'auto') {
    // Emulated devices are for tests: slow, and never meant by 'auto'.
    return (devices.find((device) => device.kind === 'cuda' && device.available)?.id ?? 'cpu') as Device;
  }
  // 'cuda' is the first of its kind.
  const device = devices.find(
    ({ id }) => id === option || (typeof option === 'string' && id === `${option}:0`),
  );
  if (device === undefined) {
    const ids = devices.map((candidate) => `'${candidate.id}'`).join(', ');
    throw new DeviceError(`${operation}: there is no device ${show(option)} (there are: ${ids}, and 'auto')`);
  }
  if (!device.available) {
    throw new DeviceError(`${operation}: device '${device.id}' cannot be used: ${device.reason}`);
  }
  return device.id as Device;
}
