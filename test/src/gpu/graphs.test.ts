// A plan on a GPU is a captured graph that holds addresses. Runs with more inputs in turns than graphs are kept for go through
// memory of the plan's own: the same bits, whichever way, and none of that memory is left when the plan is disposed.

import { compile, Linear, ReLU, Sequential } from '@fusor/layers';
import {
  type Device,
  type DeviceOption,
  emptyCache,
  manualSeed,
  memory,
  synchronize,
  Tensor,
} from '@fusor/native';
import { expect, it } from 'vitest';

const device = (process.env.FUSOR_TEST_DEVICE ?? 'cuda-emulated') as DeviceOption;
const shape = [3, 8] as const;
const inputs = 40; // more than are remembered
const underWay = 5;

/** What the driver has given, apart from what is kept for reuse. */
async function reserved(): Promise<number> {
  await synchronize(device);
  emptyCache(device);
  return memory().devices[`${device}:0` as Device]!.reservedBytes;
}

it('gives each of forty inputs in turns its own result, with several runs under way', async () => {
  manualSeed(3);
  const model = new Sequential(new Linear(8, 8), new ReLU()).eval();
  const onHost = await compile(model, { input: { shape } });
  const images = Array.from({ length: inputs }, () => Tensor.randn(shape));
  const expected = await Promise.all(
    images.map(async (image) => {
      const output = (await onHost.run(image)) as Tensor;
      const data = await output.data();
      output.dispose();
      return data;
    }),
  );
  const before = await reserved();
  const there = images.map((image) => image.to(device));

  const plan = await compile(model, { input: { shape }, device });
  const first: Array<Float32Array | undefined> = [];
  const pending: Array<{ index: number; output: Promise<Tensor> }> = [];
  const take = async () => {
    const { index, output } = pending.shift()!;
    const tensor = await output;
    const data = (await tensor.data()) as Float32Array;
    tensor.dispose();
    first[index] ??= data;
    expect(data).toEqual(first[index]); // step by step, replayed, and replayed from elsewhere: the same bits
    for (const [i, value] of data.entries()) expect(value).toBeCloseTo(expected[index]![i] as number, 4);
  };
  for (let turn = 0; turn < 2; ++turn) {
    for (const [index, image] of there.entries()) {
      pending.push({ index, output: plan.run(image) as Promise<Tensor> });
      if (pending.length > underWay) await take();
    }
  }
  while (pending.length > 0) await take();
  plan.dispose();
  for (const tensor of [...images, ...there]) tensor.dispose();
  await expect.poll(reserved, { timeout: 5000 }).toBe(before);
  onHost.dispose();
});
