import {
  AdaptiveAvgPool2d,
  type AnyModule,
  BatchNorm1d,
  BatchNorm2d,
  type CompileOptions,
  Conv1d,
  Conv2d,
  compile,
  Dropout,
  Embedding,
  Flatten,
  GELU,
  GroupNorm,
  Identity,
  type InputOption,
  InstanceNorm2d,
  LayerNorm,
  Linear,
  MaxPool2d,
  Module,
  MultiheadAttention,
  PReLU,
  ReLU,
  Residual,
  RMSNorm,
  Sequential,
  Sigmoid,
  SiLU,
  ZeroPad2d,
} from '@fusor/layers';
import { manualSeed, ops, Tensor } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { expectTensorsClose } from './support/compare.ts';
import { net, randomize } from './support/networks.ts';

interface Case {
  readonly name: string;
  readonly model: () => AnyModule;
  readonly input: InputOption;
  /** For inputs that are not f32 normal numbers. */
  readonly data?: () => Tensor[];
}

class Bottleneck extends Module {
  conv1 = new Conv2d(8, 4, 1, { bias: false });
  bn1 = new BatchNorm2d(4);
  conv2 = new Conv2d(4, 4, 3, { stride: 2, padding: 1, bias: false });
  bn2 = new BatchNorm2d(4);
  conv3 = new Conv2d(4, 16, 1, { bias: false });
  bn3 = new BatchNorm2d(16);
  relu = new ReLU();
  downsample = new Sequential(new Conv2d(8, 16, 1, { stride: 2, bias: false }), new BatchNorm2d(16));
  override forward(x: Tensor): Tensor {
    let y = this.relu.forward(this.bn1.forward(this.conv1.forward(x)));
    y = this.relu.forward(this.bn2.forward(this.conv2.forward(y)));
    y = this.bn3.forward(this.conv3.forward(y));
    return this.relu.forward(y.add(this.downsample.forward(x)));
  }
}

class TransformerBlock extends Module {
  attention = new MultiheadAttention(16, 4, { batchFirst: true });
  norm1 = new LayerNorm(16);
  norm2 = new LayerNorm(16);
  mlp = new Sequential(new Linear(16, 32), new GELU(), new Dropout(0.1), new Linear(32, 16));
  override forward(x: Tensor): Tensor {
    const [attended] = this.attention.forward(this.norm1.forward(x));
    const y = x.add(attended);
    return y.add(this.mlp.forward(this.norm2.forward(y)));
  }
}

/** As in the CIFAR family: every second pixel, and channels padded with zeros. */
class OptionA extends Module {
  conv = new Conv2d(3, 6, 3, { stride: 2, padding: 1 });
  override forward(x: Tensor): Tensor {
    const shortcut = ops.pad(x.slice(2, 0, undefined, 2).slice(3, 0, undefined, 2), [0, 0, 0, 0, 1, 2]);
    return this.conv.forward(x).add(shortcut).relu();
  }
}

const image: InputOption = [2, 3, 9, 7];
const cases: Case[] = [
  {
    name: 'a stem: convolution, batch-norm, ReLU, max-pool',
    model: () =>
      new Sequential(
        new Conv2d(3, 8, 7, { stride: 2, padding: 3, bias: false }),
        new BatchNorm2d(8),
        new ReLU(),
        new MaxPool2d(3, { stride: 2, padding: 1 }),
      ),
    input: [2, 3, 33, 29],
  },
  { name: 'a bottleneck with a downsampling shortcut', model: () => new Bottleneck(), input: [2, 8, 9, 7] },
  { name: 'an option-A shortcut', model: () => new OptionA(), input: image },
  { name: 'a transformer block', model: () => new TransformerBlock(), input: [2, 5, 16] },
  {
    name: 'post-norm: linear, add, layer-norm, the sum used again',
    model: () =>
      net({ fc: new Linear(8, 8), norm: new LayerNorm(8) }, ({ fc, norm }, x) => {
        const sum = fc.forward(x!).relu().add(x!);
        return norm.forward(sum).add(sum);
      }),
    input: [3, 8],
  },
  {
    name: 'a head: pool, flatten, linear, softmax',
    model: () =>
      new Sequential(
        new AdaptiveAvgPool2d(1),
        new Flatten(),
        new Linear(3, 5),
        new Dropout(),
        new Identity(),
      ),
    input: image,
  },
  {
    name: 'grouped, depthwise, dilated, asymmetric',
    model: () =>
      new Sequential(
        new ZeroPad2d([1, 0, 2, 1]),
        new Conv2d(3, 6, 3, { groups: 3 }),
        new SiLU(),
        new Conv2d(6, 6, 3, { groups: 6, padding: 2, dilation: 2 }),
        new BatchNorm2d(6),
        new Conv2d(6, 4, [1, 3], { groups: 2, stride: [2, 1] }),
      ),
    input: image,
  },
  {
    name: 'pre-activation: batch-norm and ReLU before the convolution',
    model: () =>
      new Residual(new Sequential(new BatchNorm2d(3), new ReLU(), new Conv2d(3, 3, 3, { padding: 1 }))),
    input: image,
  },
  {
    name: 'one dimension: Conv1d, BatchNorm1d, linear with batch-norm',
    model: () =>
      new Sequential(
        new Conv1d(3, 4, 3, { padding: 1 }),
        new BatchNorm1d(4),
        new GELU(),
        new Flatten(),
        new Linear(28, 6),
        new BatchNorm1d(6),
      ),
    input: [2, 3, 7],
  },
  {
    name: 'norms of all kinds',
    model: () =>
      new Sequential(
        new GroupNorm(1, 3),
        new InstanceNorm2d(3, { affine: true }),
        new LayerNorm([9, 7]),
        new RMSNorm(7),
        new PReLU({ parameters: 3 }),
        new Sigmoid(),
      ),
    input: image,
  },
  { name: 'the output is the input', model: () => new Identity(), input: [2, 3] },
  {
    name: 'the output is the input, twice, and once more computed',
    model: () => net({}, (_, x) => [x!, x!.relu(), x!]),
    input: [2, 3],
  },
  {
    name: 'the output is a constant',
    model: () => net({ value: Tensor.ones([2, 2]) }, ({ value }, x) => [value, x!]),
    input: [1],
  },
  {
    name: 'the output is computed from constants',
    model: () =>
      net({ value: Tensor.ones([2, 2]) }, ({ value }, x) => ({ a: value.mul(3), b: x!.add(value.mul(2)) })),
    input: [2, 2],
  },
  {
    name: 'a residual of a value with itself',
    model: () =>
      net({ conv: new Conv2d(3, 3, 3, { padding: 1 }) }, ({ conv }, x) => {
        const y = conv.forward(x!);
        return y.add(y).relu();
      }),
    input: image,
  },
  {
    name: 'a convolution whose residual is its own input',
    model: () =>
      net({ conv: new Conv2d(3, 3, 3, { padding: 1 }) }, ({ conv }, x) => conv.forward(x!).add(x!)),
    input: image,
  },
  {
    name: 'an input used by many',
    model: () =>
      net(
        {
          a: new Conv2d(3, 4, 1),
          b: new Conv2d(3, 4, 3, { padding: 1 }),
          c: new Conv2d(3, 4, 5, { padding: 2 }),
        },
        ({ a, b, c }, x) => ops.concat([a.forward(x!).relu(), b.forward(x!), c.forward(x!).relu(), x!], 1),
      ),
    input: image,
  },
  {
    name: 'one module called twice',
    model: () =>
      net({ conv: new Conv2d(3, 3, 3, { padding: 1 }), bn: new BatchNorm2d(3) }, ({ conv, bn }, x) =>
        bn.forward(conv.forward(bn.forward(conv.forward(x!)).relu())),
      ),
    input: image,
  },
  {
    name: 'a batch-norm and an activation that share their input',
    model: () =>
      net({ conv: new Conv2d(3, 3, 1), bn: new BatchNorm2d(3) }, ({ conv, bn }, x) => {
        const y = conv.forward(x!);
        return bn.forward(y).mul(y.sigmoid());
      }),
    input: image,
  },
  {
    name: 'two activations in a row, and one between two sums',
    model: () =>
      net({ fc: new Linear(4, 4) }, ({ fc }, x) => fc.forward(x!).relu().silu().add(x!).relu().add(x!)),
    input: [3, 4],
  },
  {
    name: 'sums that broadcast',
    model: () =>
      net({ conv: new Conv2d(3, 3, 1), scale: Tensor.from([1, 2, 3], [3, 1, 1]) }, ({ conv, scale }, x) =>
        conv
          .forward(x!)
          .add(scale)
          .add(x!.mean([2, 3], { keepDims: true }))
          .relu(),
      ),
    input: image,
  },
  {
    name: 'reshapes and transpositions: channel shuffle',
    model: () =>
      net({ conv: new Conv2d(4, 4, 1, { groups: 2 }) }, ({ conv }, x) => {
        const [n, c, h, w] = x!.shape as [number, number, number, number];
        return conv
          .forward(x!)
          .reshape([n, 2, c / 2, h, w])
          .transpose(1, 2)
          .reshape([n, c, h, w]);
      }),
    input: [2, 4, 3, 5],
  },
  {
    name: 'slices, splits and squeezes',
    model: () =>
      net({}, (_, x) => {
        const [a, b] = x!.split(2, 1);
        return [
          a!
            .mul(b!.slice(1, 0, 2))
            .unsqueeze(0)
            .squeeze(0),
          x!.select(1, 3),
          x!.narrow(0, 1, 1),
        ];
      }),
    input: [2, 4, 3],
  },
  {
    name: 'integers: embedding, argmax, comparison',
    model: () =>
      net({ table: new Embedding(10, 4) }, ({ table }, x) => {
        const rows = table.forward(x!);
        return { rows, best: rows.argmax(-1), large: rows.gt(0), sum: x!.add(1).sum() };
      }),
    input: { shape: [2, 3], dtype: 'i64' },
    data: () => [
      Tensor.from(
        [
          [1, 9, 0],
          [4, 4, 2],
        ],
        undefined,
        { dtype: 'i64' },
      ),
    ],
  },
  {
    name: 'several inputs, tuple out',
    model: () =>
      net({ fc: new Linear(4, 3) }, ({ fc }, a, b, c) => [fc.forward(a!).add(b!), b!.matmul(c!), a!]),
    input: [
      [2, 4],
      [2, 3],
      [3, 2],
    ],
  },
  {
    name: 'results nested in a record',
    model: () =>
      net({ fc: new Linear(4, 3) }, ({ fc }, x) => ({
        logits: fc.forward(x!),
        extra: { top: fc.forward(x!).topk(2), none: null },
      })),
    input: [2, 4],
  },
  {
    name: 'branches on shapes',
    model: () => net({ fc: new Linear(4, 4) }, ({ fc }, x) => (x!.shape[0] === 2 ? fc.forward(x!) : x!)),
    input: [2, 4],
  },
  {
    name: 'scalars and empty batches',
    model: () => net({}, (_, x, empty) => [x!.mul(3).exp(), empty!.relu()]),
    input: [[], [0, 4]],
  },
  {
    name: 'a convolution of an empty batch',
    model: () => new Sequential(new Conv2d(3, 4, 3), new BatchNorm2d(4), new ReLU()),
    input: [0, 3, 5, 5],
  },
  {
    name: 'weights computed from the input',
    model: () => net({}, (_, x, w) => ops.conv2d(x!, w!.mul(2), { padding: 1 })),
    input: [
      [1, 2, 4, 4],
      [3, 2, 3, 3],
    ],
  },
  {
    name: 'residuals that are constants of the full shape',
    model: () =>
      net(
        {
          fc: new Linear(8, 8),
          conv: new Conv2d(3, 3, 1),
          table: Tensor.ones([5, 8]),
          plane: Tensor.ones([2, 3, 9, 7]),
        },
        ({ fc, conv, table, plane }, x, y) => [fc.forward(x!).add(table).relu(), conv.forward(y!).add(plane)],
      ),
    input: [
      [5, 8],
      [2, 3, 9, 7],
    ],
  },
  {
    name: 'a batch-norm with a residual and an activation',
    model: () => net({ bn: new BatchNorm2d(3) }, ({ bn }, x) => bn.forward(x!).add(x!.exp()).relu()),
    input: image,
  },
  {
    name: 'batch statistics without running ones',
    model: () => new Sequential(new Conv2d(3, 3, 1), new BatchNorm2d(3, { trackRunningStats: false })),
    input: image,
  },
];

function inputsOf({ input, data }: Case): Tensor[] {
  if (data !== undefined) return data();
  manualSeed(99);
  const shapes = (Array.isArray(input[0 as never]) ? input : [input]) as number[][];
  return shapes.map((shape) => Tensor.randn(shape));
}

/** Tensors of nested results in order. */
function flat(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result];
  return result === null ? [] : Object.values(result as object).flatMap(flat);
}

describe('compiled networks give what eager ones give', () => {
  it.each(cases)('$name', async (test) => {
    const model = randomize(test.model()).eval();
    const inputs = inputsOf(test);
    const eager = (model.forward as unknown as (...inputs: Tensor[]) => unknown).apply(model, inputs);
    const plan = await compile(model, { input: test.input });
    // Twice: memory of the first run must not show in the second.
    await plan.run(inputs);
    const compiled = await plan.run(inputs.length === 1 ? inputs[0]! : inputs);
    expect(JSON.stringify(structureOf(compiled))).toBe(JSON.stringify(structureOf(eager)));
    const [actual, expected] = [flat(compiled), flat(eager)];
    expect(actual.length).toBe(expected.length);
    for (const [index, tensor] of actual.entries()) await expectTensorsClose(tensor, expected[index]!, 1e-5);
    plan.dispose();
  });
});

function structureOf(result: unknown): unknown {
  if (result instanceof Tensor || result === null) return result === null ? null : 'tensor';
  if (Array.isArray(result)) return result.map(structureOf);
  return Object.fromEntries(
    Object.entries(result as object).map(([name, item]) => [name, structureOf(item)]),
  );
}

describe('compile fuses what it can', () => {
  it('a bottleneck is four convolutions', async () => {
    const plan = await compile(randomize(new Bottleneck()).eval(), { input: [1, 8, 8, 8] });
    expect(plan.graph.toString()).toBe(
      `graph(x: f32 [1, 8, 8, 8]) {
  %8 = conv2d(x, conv1 + bn1: weight, conv1 + bn1: bias) stride=[1, 1] activation=relu: f32 [1, 4, 8, 8]  # conv1 + bn1 + relu
  %16 = conv2d(%8, conv2 + bn2: weight, conv2 + bn2: bias) stride=[2, 2] padding=[1, 1, 1, 1] activation=relu: f32 [1, 4, 4, 4]  # conv2 + bn2 + relu_1
  %30 = conv2d(x, downsample.0 + downsample.1: weight, downsample.0 + downsample.1: bias) stride=[2, 2]: f32 [1, 16, 4, 4]  # downsample.0 + downsample.1
  %32 = conv2d(%16, conv3 + bn3: weight, conv3 + bn3: bias, %30) stride=[1, 1] activation=relu: f32 [1, 16, 4, 4]  # conv3 + bn3 + add + relu_2
  return %32
}`,
    );
    expect(plan.description()).toMatchObject({
      model: 'Bottleneck',
      device: 'cpu',
      tracedOperations: 12,
      operations: 4,
      passes: { 'fold batch-norm': 4, 'fuse residual add': 1, 'fuse activation': 3 },
    });
  });

  it('a transformer block ends its linears with their sums, so that no addition is left', async () => {
    const plan = await compile(new TransformerBlock().eval(), { input: [1, 4, 16] });
    const names = plan.graph.nodes.map((node) => node.name);
    expect(names).toContain('attention.out_proj + add');
    expect(names).toContain('mlp.0 + mlp.1');
    expect(names).toContain('mlp.3 + add_1');
    expect(plan.graph.nodes.some((node) => node.attributes.function === 'add')).toBe(false);
  });
});

describe('a stem on the CPU takes its max-pool along', () => {
  const stem = () => new Conv2d(3, 20, 7, { stride: 2, padding: 3 });
  const x = () => Tensor.randn([2, 3, 37, 29]);
  const input = [2, 3, 37, 29];
  const algorithms = (plan: { description(): { steps: readonly { algorithm: string }[] } }) =>
    plan.description().steps.map(({ algorithm }) => algorithm.replace(/ \(.*/, ''));

  it.each([
    { winograd: true, algorithm: 'winograd stem + max-pool' },
    { winograd: false, algorithm: 'stem + max-pool' },
  ])('with the same numbers, winograd: $winograd', async ({ winograd, algorithm }) => {
    const model = randomize(
      new Sequential(stem(), new BatchNorm2d(20), new ReLU(), new MaxPool2d(3, { stride: 2, padding: 1 })),
    ).eval();
    const plan = await compile(model, { input, winograd });
    expect(algorithms(plan)).toContain(algorithm);
    expect(plan.description().steps.some(({ op }) => op === 'maxPool2d')).toBe(false);
    const image = x();
    await expectTensorsClose(await plan.run(image), model.forward(image), 1e-5);
  });

  it('but not where something else needs what is pooled', async () => {
    class TwoReaders extends Module<Tensor[]> {
      stem = stem();
      override forward(image: Tensor): Tensor[] {
        const features = this.stem.forward(image);
        return [ops.maxPool2d(features, 2), features];
      }
    }
    const model = randomize(new TwoReaders()).eval();
    const plan = await compile(model, { input });
    expect(algorithms(plan)).toContain('winograd stem');
    const image = x();
    const [compiled, eager] = [await plan.run(image), model.forward(image)];
    for (const [i, tensor] of compiled.entries()) await expectTensorsClose(tensor, eager[i]!, 1e-5);
  });
});

describe('options that change algorithms keep the numbers', () => {
  it.each<Partial<CompileOptions>>([
    { winograd: false },
    { deterministic: true },
    { threads: 1 },
    { tune: 'measure' },
    { precision: 'tf32' },
    { device: 'cpu', dtype: 'f32' },
  ])('%o', async (options) => {
    const model = randomize(
      new Sequential(new Conv2d(3, 16, 3, { padding: 1 }), new ReLU(), new Conv2d(16, 16, 3, { padding: 1 })),
    ).eval();
    const x = Tensor.randn([1, 3, 20, 20]);
    const plan = await compile(model, { input: [1, 3, 20, 20], ...options });
    await expectTensorsClose(await plan.run(x), model.forward(x), 1e-5);
  });
});
