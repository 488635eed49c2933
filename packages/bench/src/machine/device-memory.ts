import { compile, Module } from '@fusor/layers';
import { type DeviceOption, ops, synchronize, Tensor } from '@fusor/native';
import type { Bandwidth } from '../results/types.ts';
import { leastProfiled } from './profiled.ts';

/** Source and target together: several times what any GPU's L2 holds, some 0.1 ms at 4 TB/s. */
const bytes = 512 * 2 ** 20;
/** Source and target together: what the L2 of every card since Ampere's large ones holds with room to spare. */
const cachedBytes = 16 * 2 ** 20;
/** Copies in a row: their time is to be long against the clock's steps and what starting them costs. */
const copies = 64;
const runs = 20;

/** Kernels on the emulator take a second for what a GPU does in microseconds. */
const emulated = { bytes: 2 ** 16, cachedBytes: 2 ** 14, copies: 2, runs: 1 };

const windows = 3;

/** As little arithmetic as an operation can have that no pass removes: copies, one after another. */
class Negations extends Module {
  readonly #count: number;

  constructor(count: number) {
    super();
    this.#count = count;
  }

  override forward(x: Tensor): Tensor {
    let y = x;
    for (let i = 0; i < this.#count; ++i) y = ops.neg(y);
    return y;
  }
}

const elementsOf = (size: number) => size / 2 / Float32Array.BYTES_PER_ELEMENT;

/** What copies in a GPU's L2 and in its memory reach. */
export async function measureDeviceMemory(device: DeviceOption): Promise<Bandwidth[]> {
  const sizes = device.startsWith('cuda-emulated') ? emulated : { bytes, cachedBytes, copies, runs };
  return [
    { level: 'L2', bytes: sizes.cachedBytes, copy: await measureCached(device, sizes) },
    { level: 'DRAM', bytes: sizes.bytes, copy: await measureLarge(device, sizes) },
  ];
}

/** A copy that no cache holds, by the device's own clock; the best of several windows. */
async function measureLarge(device: DeviceOption, sizes: typeof emulated): Promise<number> {
  const elements = elementsOf(sizes.bytes);
  const plan = await compile(new Negations(1), { input: [elements], device });
  const data = Tensor.randn([elements], { device });
  try {
    return sizes.bytes / (await leastProfiled(plan, data, sizes.runs)) / 1e9;
  } finally {
    data.dispose();
    plan.dispose();
  }
}

/**
 * Many copies in a row, of data that the L2 holds, and of a quarter of it: what starting a kernel costs is the same for both,
 * so that the difference is without it.
 */
async function measureCached(device: DeviceOption, sizes: typeof emulated): Promise<number> {
  const whole = await leastSeconds(device, sizes.cachedBytes, sizes);
  const quarter = await leastSeconds(device, sizes.cachedBytes / 4, sizes);
  const copied = sizes.cachedBytes * sizes.copies;
  return (quarter < whole ? (0.75 * copied) / (whole - quarter) : copied / whole) / 1e9;
}

/** Seconds of a run of all copies, replayed from one captured graph. */
async function leastSeconds(device: DeviceOption, size: number, sizes: typeof emulated): Promise<number> {
  const elements = elementsOf(size);
  const plan = await compile(new Negations(sizes.copies), { input: [elements], device });
  const data = Tensor.randn([elements], { device });
  const run = async (count: number) => {
    const start = performance.now();
    for (let i = 0; i < count; ++i) (await plan.run(data)).dispose();
    await synchronize(device);
    return (performance.now() - start) / count / 1000;
  };
  try {
    await run(3); // a plan is captured when it meets the same memory again
    let best = Number.POSITIVE_INFINITY;
    for (let window = 0; window < windows; ++window) best = Math.min(best, await run(sizes.runs));
    return best;
  } finally {
    data.dispose();
    plan.dispose();
  }
}
