import { compile, Module } from '@fusor/layers';
import { type DeviceOption, ops, Tensor } from '@fusor/native';
import type { Bandwidth } from '../results/types.ts';

/** Source and target together: several times what any GPU's L2 holds, some 0.1 ms at 4 TB/s. */
const bytes = 512 * 2 ** 20;
/** Kernels on the emulator take a second for what a GPU does in microseconds. */
const emulatedBytes = 2 ** 16;

const windows = 3;

/** As little arithmetic as an operation can have that no pass removes: a copy. */
class Negation extends Module {
  override forward(x: Tensor): Tensor {
    return ops.neg(x);
  }
}

/** What a copy in the device's own memory reaches, by the device's own clock; the best of several windows. */
export async function measureDeviceMemory(device: DeviceOption): Promise<Bandwidth[]> {
  const isEmulated = device.startsWith('cuda-emulated');
  const size = isEmulated ? emulatedBytes : bytes;
  const elements = size / 2 / Float32Array.BYTES_PER_ELEMENT;
  const plan = await compile(new Negation(), { input: [elements], device });
  const data = Tensor.randn([elements], { device });
  try {
    let best = Number.POSITIVE_INFINITY;
    for (let window = 0; window < windows; ++window) {
      const { seconds } = await plan.profile(data, { repeats: isEmulated ? 1 : 20 });
      best = Math.min(best, seconds);
    }
    return [{ level: 'DRAM', bytes: size, copy: size / best / 1e9 }];
  } finally {
    data.dispose();
    plan.dispose();
  }
}
