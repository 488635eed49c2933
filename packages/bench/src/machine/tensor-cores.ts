import { compile, Linear } from '@fusor/layers';
import { type DeviceOption, Tensor } from '@fusor/native';
import type { Ceiling } from '../results/types.ts';
import { leastProfiled } from './profiled.ts';

/** 0.5 TFLOP, thousands of tiles: long enough for a card's clocks to settle, and no multiprocessor is idle at the end for long. */
const rows = 16_384;
const width = 4_096;
/** The emulator does a thousandth of a GPU's work. */
const emulated = { rows: 64, width: 64 };

/**
 * What a GPU's tensor cores reach, by the type of their operands: the best of several large products of matrices of random
 * numbers, in Fusor's own kernel for them. Layers whose operands are nearer can come a little above it.
 */
export async function measureTensorCores(
  device: DeviceOption,
): Promise<NonNullable<Ceiling['tensorGflops']>> {
  return {
    tf32: await measureProduct(device, 'tf32'),
    f16: await measureProduct(device, 'f16'),
    bf16: await measureProduct(device, 'bf16'),
  };
}

async function measureProduct(device: DeviceOption, type: 'tf32' | 'f16' | 'bf16'): Promise<number> {
  const isEmulated = device.startsWith('cuda-emulated');
  const size = isEmulated ? emulated : { rows, width };
  const dtype = type === 'tf32' ? 'f32' : type;
  const shape = [size.rows, size.width];
  const model = new Linear(size.width, size.width, { bias: false }).eval();
  const plan = await compile(model, {
    input: { shape, dtype },
    device,
    dtype,
    ...(type === 'tf32' ? { precision: type } : {}),
  });
  const x = Tensor.randn(shape, { device });
  const data = x.to(dtype);
  try {
    const seconds = await leastProfiled(plan, data, isEmulated ? 1 : 20);
    return (2 * size.rows * size.width ** 2) / seconds / 1e9;
  } finally {
    if (data !== x) data.dispose();
    x.dispose();
    plan.dispose();
    model.dispose();
  }
}
