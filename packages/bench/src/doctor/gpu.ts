import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readSystem } from './system.ts';

/** What can be seen of NVIDIA's devices and driver without any library of theirs. */
export interface GpuFacts {
  /** Devices on the PCI bus. */
  readonly cards: readonly { readonly bus: string; readonly device: string }[];
  /** Device files: `/dev/nvidia0`, `/dev/nvidiactl`. */
  readonly deviceFiles: readonly string[];
  /** Of the kernel module, `'580.65.06'`; null where it is not loaded. */
  readonly driver: string | null;
  /** Where libcuda lies; null where it was not found. */
  readonly libcuda: string | null;
}

/** The oldest driver that the CUDA package works with, that of CUDA 13. */
export const leastDriver = 580;

export async function gpuFacts(): Promise<GpuFacts> {
  const [cards, deviceFiles, version, libcuda] = await Promise.all([
    nvidiaCards('/sys/bus/pci/devices'),
    nvidiaFiles(),
    readSystem('/proc/driver/nvidia/version'),
    findLibcuda(),
  ]);
  return { cards, deviceFiles, driver: version === undefined ? null : parseDriver(version), libcuda };
}

/** `NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 …` */
export function parseDriver(text: string): string | null {
  return /Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)/.exec(text)?.[1] ?? null;
}

/** PCI devices of vendor 0x10de (NVIDIA) and class 0x03 (display controllers). */
export async function nvidiaCards(folder: string): Promise<GpuFacts['cards']> {
  const cards: GpuFacts['cards'][number][] = [];
  for (const bus of await readdir(folder).catch(() => [])) {
    const read = async (name: string) => (await readSystem(join(folder, bus, name)))?.trim() ?? '';
    if ((await read('vendor')) !== '0x10de' || !(await read('class')).startsWith('0x03')) continue;
    cards.push({ bus, device: await read('device') });
  }
  return cards;
}

async function nvidiaFiles(): Promise<string[]> {
  const names = await readdir('/dev').catch(() => []);
  return names.filter((name) => /^nvidia(\d+|ctl|-uvm)$/.test(name)).map((name) => `/dev/${name}`);
}

/** Where the driver's library is looked for when the linker's cache does not know it. */
const usualFolders = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib/wsl/lib',
  '/usr/local/nvidia/lib64',
];

async function findLibcuda(): Promise<string | null> {
  if (process.platform !== 'linux') return null;
  const extra = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== '');
  for (const folder of extra)
    if (await exists(join(folder, 'libcuda.so.1'))) return join(folder, 'libcuda.so.1');
  for (const program of ['ldconfig', '/sbin/ldconfig']) {
    const cache = await promisify(execFile)(program, ['-p']).catch(() => undefined);
    const path = cache?.stdout.match(/libcuda\.so\.1 .*=> (\S+)/)?.[1];
    if (path !== undefined) return path;
  }
  for (const folder of usualFolders) {
    if (await exists(join(folder, 'libcuda.so.1'))) return join(folder, 'libcuda.so.1');
  }
  return null;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Why there is no GPU to compute on, or that there is one, in a sentence. */
export function explainGpu(
  { cards, deviceFiles, driver, libcuda }: GpuFacts,
  platform: string = process.platform,
): string {
  if (platform === 'darwin') return 'no NVIDIA GPU: macOS has no CUDA';
  if (platform === 'win32') return 'not looked at: on Windows only Fusor itself can tell, see devices';
  const files = deviceFiles.some((name) => /\d$/.test(name));
  if (driver === null && !files) {
    if (cards.length > 0) {
      return `${cards.length} NVIDIA GPU on the PCI bus, but its driver is not loaded: install the NVIDIA driver ${leastDriver} or newer`;
    }
    return libcuda === null
      ? 'no NVIDIA GPU: none on the PCI bus, no driver, no device files'
      : `libcuda is here (${libcuda}), but no driver and no GPU`;
  }
  if (driver !== null && Number.parseInt(driver, 10) < leastDriver) {
    return `the NVIDIA driver ${driver} is too old: ${leastDriver} or newer is needed`;
  }
  if (!files)
    return `the NVIDIA driver ${driver} is loaded, but there is no /dev/nvidia0: in a container, start it with --gpus all`;
  if (libcuda === null) {
    return `a GPU and driver${driver === null ? '' : ` ${driver}`}, but no libcuda.so.1: in a container, NVIDIA_DRIVER_CAPABILITIES must include compute`;
  }
  return `a GPU, driver ${driver ?? 'of unknown version'}, libcuda in ${libcuda}`;
}
