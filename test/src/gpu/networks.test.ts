// Whole networks on a GPU's kernels against the CPU: eager and compiled, in every dtype, run again and again. The device and,
// for the emulator, the card that it is and the order in which it runs threads come from vitest.config.ts.

import { randomizeNorms } from '@fusor/bench';
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  type CompileOptions,
  Conv2d,
  compile,
  Flatten,
  Linear,
  MaxPool2d,
  Module,
  type Plan,
  Sequential,
} from '@fusor/layers';
import { type DeviceOption, manualSeed, scope, Tensor } from '@fusor/native';
import { BasicBlock, Bottleneck } from '@fusor/resnet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const device = (process.env.FUSOR_TEST_DEVICE ?? 'cuda-emulated') as DeviceOption;
const isOlderCard = process.env.FUSOR_CUDA_EMULATED_CAPABILITY === '80';

const shortcut = (from: number, to: number, stride: number): Sequential =>
  new Sequential(new Conv2d(from, to, 1, { stride, bias: false }), new BatchNorm2d(to));

/** Every kind of layer and block that the ResNets have, narrow. */
class SmallResNet extends Module {
  readonly conv1 = new Conv2d(3, 24, 7, { stride: 2, padding: 3, bias: false });
  readonly bn1 = new BatchNorm2d(24, { activation: 'relu' });
  readonly maxpool = new MaxPool2d(3, { stride: 2, padding: 1 });
  readonly basic = new Sequential(
    new BasicBlock(24, 24),
    new BasicBlock(24, 36, { stride: 2, downsample: shortcut(24, 36, 2) }),
  );
  readonly bottlenecks = new Sequential(
    new Bottleneck(36, 16, { downsample: shortcut(36, 64, 1) }),
    new Bottleneck(64, 32, { stride: 2, downsample: shortcut(64, 128, 2) }),
    new Bottleneck(128, 32, { groups: 4, widthPerGroup: 16 }),
    new Bottleneck(128, 32, { dilation: 2 }),
  );
  readonly avgpool = new AdaptiveAvgPool2d([1, 1]);
  readonly flatten = new Flatten();
  readonly fc = new Linear(128, 10);

  override forward(x: Tensor): Tensor {
    const stem = this.maxpool.forward(this.bn1.forward(this.conv1.forward(x)));
    return this.fc.forward(
      this.flatten.forward(this.avgpool.forward(this.bottlenecks.forward(this.basic.forward(stem)))),
    );
  }
}

/** Blocks of 512 pixels by 64 channels, in 16 bits: enough work for the kernels that only Hopper has. */
class WideBlocks extends Module {
  readonly basic = new BasicBlock(64, 64);
  readonly bottleneck = new Bottleneck(64, 16);

  override forward(x: Tensor): Tensor {
    return this.bottleneck.forward(this.basic.forward(x));
  }
}

type Shape = readonly [number, number, number, number];

/** Random pixels, their brightness and contrast by the seed. */
function image(shape: Shape, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length: shape.reduce((product, size) => product * size) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state / 2 ** 31 - 1) * (1 + seed)) / 2 + seed - 1;
  });
}

function randomized<M extends Module>(create: () => M): M {
  manualSeed(7);
  const model = create().eval();
  randomizeNorms(model);
  return model;
}

async function eager(
  model: Module,
  x: Float32Array,
  shape: Shape,
  where: DeviceOption,
): Promise<Float32Array> {
  const output = scope(() => model.forward(Tensor.from(x, shape, { device: where })) as Tensor);
  return take(output);
}

async function take(output: Tensor): Promise<Float32Array> {
  const data = (await output.data()) as Float32Array;
  output.dispose();
  return data;
}

function disposeAll(...models: readonly Module[]): void {
  for (const model of models) for (const tensor of model.stateDict().values()) tensor.dispose();
}

const norm = (x: Float32Array): number => Math.hypot(...x);
/** ‖a − b‖ / ‖b‖; NaN where either has one. */
const distance = (a: Float32Array, b: Float32Array): number =>
  norm(a.map((value, i) => value - b[i]!)) / norm(b);

/**
 * A plan run in turns with each of the images: every first result within `bound` of what is expected, in the norm, and the
 * second its bits: runs with addresses that came before are replayed from captured graphs.
 */
async function checkRuns(
  plan: Plan,
  images: readonly Float32Array<ArrayBuffer>[],
  expected: readonly Float32Array[],
  bound: number,
  least = 0,
): Promise<void> {
  const first: Float32Array[] = [];
  for (let round = 0; round < 2; round++) {
    for (const [i, x] of images.entries()) {
      const result = await take(await plan.run(x));
      if (round === 0) {
        const off = distance(result, expected[i]!);
        expect(off).toBeLessThan(bound);
        expect(off).toBeGreaterThanOrEqual(least);
        first.push(result);
      } else {
        expect(Buffer.from(result.buffer).equals(Buffer.from(first[i]!.buffer))).toBe(true);
      }
    }
  }
}

describe(`a small ResNet on ${device}`, () => {
  const shape: Shape = [1, 3, 37, 29];
  const images = [1, 2].map((seed) => image(shape, seed));
  /**
   * Convolutions one after another on the longest way through, the stem and the classifier included. Each rounds its
   * operands and its result, and a batch-norm keeps the size of what it passes on, so what fewer bits cost in the end is,
   * in the norm, at most this many times three roundings; they are independent, so in truth it is about the root of that.
   */
  const roundings = 3 * (1 + 4 + 12 + 1);
  let here: SmallResNet;
  let there: SmallResNet;
  let expected: Float32Array[];

  beforeAll(async () => {
    here = randomized(() => new SmallResNet());
    there = randomized(() => new SmallResNet()).to(device);
    expected = [];
    for (const x of images) expected.push(await eager(here, x, shape, 'cpu'));
  });
  afterAll(() => disposeAll(here, there));

  it('gives other logits for other images, none of them small', () => {
    for (const logits of expected) expect(norm(logits)).toBeGreaterThan(0.1);
    expect(distance(expected[0]!, expected[1]!)).toBeGreaterThan(0.05);
  });

  it('computes eagerly what the CPU computes, within 1e-5', async () => {
    expect(distance(await eager(there, images[0]!, shape, device), expected[0]!)).toBeLessThan(1e-5);
  });

  const kinds: readonly {
    readonly options: Partial<CompileOptions>;
    readonly bound: number;
    /** No less: it was really computed so. */
    readonly least?: number;
  }[] = [
    { options: {}, bound: 1e-5 },
    { options: { precision: 'bf16x3' }, bound: roundings * 2 ** -16, least: 1e-8 },
    { options: { precision: 'tf32' }, bound: roundings * 2 ** -11, least: 1e-5 },
    { options: { dtype: 'f16' }, bound: roundings * 2 ** -11, least: 1e-5 },
    { options: { dtype: 'bf16' }, bound: roundings * 2 ** -8, least: 1e-4 },
  ];
  for (const { options, bound, least } of kinds) {
    const title = Object.values(options)[0] ?? 'f32';
    it(`compiled in ${title}: close to the CPU in norm, and the same bits in every run`, async () => {
      const plan = await compile(there, { input: shape, device, ...options });
      await checkRuns(plan, images, expected, bound, least);
      // On the general cores of so small a card the pixels at the rim, convolved twice, would cost more than is saved.
      const described = plan.describe();
      if (options.dtype !== undefined) expect(described).toMatch(/with max-pool/);
      if (title === 'f32') expect(described).not.toMatch(/with max-pool/);
      plan.dispose();
    });
  }

  for (const options of [{}, { dtype: 'bf16' }] as const) {
    const title = Object.values(options)[0] ?? 'f32';
    it(`deterministic, in ${title}: an image has the same bits in every batch, wherever it is in it`, async () => {
      const bits: Buffer[] = [];
      for (const order of [[0], [1], [1, 0, 1]]) {
        const plan = await compile(there, {
          input: [order.length, shape[1], shape[2], shape[3]],
          device,
          deterministic: true,
          ...options,
        });
        const batch = new Float32Array(order.flatMap((i) => [...images[i]!]));
        bits.push(Buffer.from((await take(await plan.run(batch))).buffer));
        plan.dispose();
      }
      expect(bits[2]!.equals(Buffer.concat([bits[1]!, bits[0]!, bits[1]!]))).toBe(true);
    });
  }
});

describe(`blocks with enough work for Hopper's own kernels on ${device}`, () => {
  const shape: Shape = [2, 64, 17, 16];
  const images = [1, 2].map((seed) => image(shape, seed));
  // Five convolutions, each of which rounds operands and result.
  const roundings = 3 * 5;
  let here: WideBlocks;
  let expected: Float32Array[];

  beforeAll(async () => {
    here = randomized(() => new WideBlocks());
    expected = [];
    for (const x of images) expected.push(await eager(here, x, shape, 'cpu'));
  });
  afterAll(() => disposeAll(here));

  for (const [dtype, roundoff] of [
    ['f16', 2 ** -11],
    ['bf16', 2 ** -8],
  ] as const) {
    it(`in ${dtype}: the kernels of ${isOlderCard ? 'sm_80' : 'sm_90a'}, and what the CPU computes`, async () => {
      const there = randomized(() => new WideBlocks()).to(device);
      const plan = await compile(there, { input: shape, device, dtype });
      const described = plan.describe();
      expect(/tma \+ wgmma/.test(described)).toBe(!isOlderCard);
      expect(described).toMatch(isOlderCard ? /sm_80/ : /sm_90a/);
      await checkRuns(plan, images, expected, roundings * roundoff, roundoff / 8);
      plan.dispose();
      disposeAll(there);
    });
  }
});
