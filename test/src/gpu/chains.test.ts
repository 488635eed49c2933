// Bottleneck blocks whose convolutions a GPU computes in one launch: forced, forbidden and left to the cost model, against the
// CPU; and graphs that look like such blocks and must stay apart.

import { randomizeNorms } from '@fusor/bench';
import { BatchNorm2d, Conv2d, compile, Module, type Plan, Sequential } from '@fusor/layers';
import { type DeviceOption, manualSeed, ops, scope, Tensor } from '@fusor/native';
import { Bottleneck } from '@fusor/resnet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const device = (process.env.FUSOR_TEST_DEVICE ?? 'cuda-emulated') as DeviceOption;

/** The end of one stage and the start of the next: chains of three, and one of two before the strided block. */
class Stages extends Module {
  readonly blocks = new Sequential(
    new Bottleneck(24, 16, {
      downsample: new Sequential(new Conv2d(24, 64, 1, { bias: false }), new BatchNorm2d(64)),
    }),
    new Bottleneck(64, 16),
    new Bottleneck(64, 40, {
      stride: 2,
      downsample: new Sequential(new Conv2d(64, 160, 1, { stride: 2, bias: false }), new BatchNorm2d(160)),
    }),
    new Bottleneck(160, 40),
  );

  override forward(x: Tensor): Tensor {
    return this.blocks.forward(x);
  }
}

const shape = [2, 24, 19, 17] as const;
const roundoffs = { f16: 2 ** -11, bf16: 2 ** -8 } as const;
/** Convolutions one after another, each with three roundings: of two operands and the result. */
const roundings = 3 * 12;

function create(): Stages {
  manualSeed(11);
  const model = new Stages().eval();
  randomizeNorms(model);
  return model;
}

function disposeAll(model: { stateDict(): ReadonlyMap<string, Tensor> }): void {
  for (const tensor of model.stateDict().values()) tensor.dispose();
}

async function run(plan: Plan, x: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const output = (await plan.run(x)) as Tensor;
  const data = (await output.data()) as Float32Array;
  output.dispose();
  return data;
}

const norm = (x: Float32Array): number => Math.hypot(...x);
const distance = (a: Float32Array, b: Float32Array): number =>
  norm(a.map((value, i) => value - b[i]!)) / norm(b);
const same = (a: Float32Array, b: Float32Array): boolean =>
  Buffer.from(a.buffer).equals(Buffer.from(b.buffer));
const chainsOf = (plan: { describe(): string }): number =>
  plan.describe().match(/(?<!no )chain 3x3/g)?.length ?? 0;

describe(`chains of convolutions on ${device}`, () => {
  let here: Stages;
  let there: Stages;
  let x: Float32Array<ArrayBuffer>;
  let expected: Float32Array;

  beforeAll(async () => {
    here = create();
    there = create().to(device);
    const input = Tensor.randn(shape);
    x = (await input.data()) as Float32Array<ArrayBuffer>;
    const output = scope(() => here.forward(input));
    expected = (await output.data()) as Float32Array;
    input.dispose();
    output.dispose();
  });
  afterAll(() => {
    disposeAll(here);
    disposeAll(there);
  });

  for (const dtype of ['f16', 'bf16'] as const) {
    it(`in ${dtype}: forced and forbidden give what the CPU gives, and the same bits in every run`, async () => {
      const results: Float32Array[] = [];
      for (const chains of [true, false]) {
        const plan = await compile(there, { input: shape, device, dtype, chains });
        // Blocks 1, 2 and 4; the third's 3x3 is strided. The second's result has two readers: it is written in any case.
        expect(chainsOf(plan)).toBe(chains ? 3 : 0);
        const result = await run(plan, x);
        expect(distance(result, expected)).toBeLessThan(roundings * roundoffs[dtype]);
        expect(distance(result, expected)).toBeGreaterThan(roundoffs[dtype] / 8);
        for (let again = 0; again < 3; again++) expect(same(await run(plan, x), result)).toBe(true);
        results.push(result);
        plan.dispose();
      }
      expect(distance(results[0]!, results[1]!)).toBeLessThan(roundings * roundoffs[dtype]);
    });
  }

  it('tells what it chose, and why; of f32 there are none', async () => {
    const plan = await compile(there, { input: shape, device, dtype: 'bf16' });
    expect(
      plan.describe().match(/chain 3x3 (16|40), 1x1 (64|160).*\(cost model: \d+\.\d\d times/g),
    ).toHaveLength(3);
    plan.dispose();
    const exact = await compile(there, { input: shape, device, chains: true });
    expect(exact.describe()).not.toMatch(/chain/);
    exact.dispose();
  });

  it('leaves convolutions apart where a result in between is needed', async () => {
    class Tapped extends Module<Tensor | Tensor[]> {
      readonly conv2 = new Conv2d(16, 16, 3, { padding: 1 });
      readonly conv3 = new Conv2d(16, 64, 1);
      readonly #compute: (module: Tapped, x: Tensor) => Tensor | Tensor[];
      constructor(compute: (module: Tapped, x: Tensor) => Tensor | Tensor[]) {
        super();
        this.#compute = compute;
      }
      override forward(input: Tensor): Tensor | Tensor[] {
        return this.#compute(this, input);
      }
    }
    const cases: readonly [number, (module: Tapped, x: Tensor) => Tensor | Tensor[]][] = [
      [1, ({ conv2, conv3 }, t) => conv3.forward(conv2.forward(t).relu()).relu()],
      // A result of the network.
      [
        0,
        ({ conv2, conv3 }, t) => {
          const hidden = conv2.forward(t).relu();
          return [hidden, conv3.forward(hidden)];
        },
      ],
      // Read twice.
      [
        0,
        ({ conv2, conv3 }, t) => {
          const hidden = conv2.forward(t).relu();
          return ops.concat([conv3.forward(hidden), hidden], 1);
        },
      ],
      // An activation that the kernel does not have.
      [0, ({ conv2, conv3 }, t) => conv3.forward(conv2.forward(t).gelu())],
    ];
    for (const [count, compute] of cases) {
      const model = new Tapped(compute).eval().to(device);
      const plan = await compile(model, { input: [1, 16, 7, 5], device, dtype: 'f16', chains: true });
      expect(chainsOf(plan)).toBe(count);
      plan.dispose();
      disposeAll(model);
    }
  });
});
