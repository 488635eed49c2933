import { ArgumentError, DisposedError, DTypeError, ops, ShapeError, Tensor } from '@fusor/native';
import { buildPlan, type Graph, type NativePlan } from '@fusor/native/trace';
import { describe, expect, test } from 'vitest';
import { numbers } from './support.ts';

const conv = { stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1 } as const;

/** x -> conv1 + ReLU -> conv2 + x -> mean over the image; ids are any numbers. */
function network(batch = 1): { graph: Graph; weights: Tensor[]; eager: (x: Tensor) => Tensor } {
  const weights = [Tensor.randn([16, 16, 3, 3]), Tensor.randn([16]), Tensor.randn([16, 16, 3, 3])];
  const image = { dtype: 'f32', shape: [batch, 16, 12, 12] } as const;
  const graph: Graph = {
    values: [
      { id: 10, ...image },
      ...weights.map((constant, index) => ({
        id: 20 + index,
        dtype: constant.dtype,
        shape: constant.shape,
        constant,
      })),
      { id: 30, ...image },
      { id: 31, ...image },
      { id: 32, dtype: 'f32', shape: [batch, 16] },
    ],
    nodes: [
      {
        op: 'conv2d',
        attributes: { ...conv, activation: 'relu' },
        inputs: [10, 20, 21, -1],
        outputs: [30],
        name: 'conv1',
      },
      { op: 'conv2d', attributes: conv, inputs: [30, 22, -1, 10], outputs: [31], name: 'conv2' },
      {
        op: 'reduce',
        attributes: { function: 'mean', dims: [2, 3], keepDims: false },
        inputs: [31],
        outputs: [32],
        name: 'pool',
      },
    ],
    inputs: [10],
    outputs: [32],
  };
  const eager = (x: Tensor) => {
    const first = ops.conv2d(x, weights[0]!, { padding: 1, bias: weights[1], activation: 'relu' });
    return ops.conv2d(first, weights[2]!, { padding: 1, residual: x }).mean([2, 3]);
  };
  return { graph, weights, eager };
}

async function expectAlike(actual: Tensor, expected: Tensor): Promise<void> {
  expect(actual.shape).toEqual(expected.shape);
  const [a, b] = [await numbers(actual), await numbers(expected)];
  const scale = Math.max(...b.map(Math.abs), 1);
  expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))).toBeLessThan(1e-5 * scale);
}

describe('a plan', () => {
  test('computes what its graph says', async () => {
    for (const batch of [1, 3]) {
      const { graph, eager } = network(batch);
      const plan = await buildPlan(graph);
      const x = Tensor.randn([batch, 16, 12, 12]);
      const { outputs, done } = plan.run([x]);
      await expectAlike(outputs[0]!, eager(x));
      await done;
      plan.dispose();
    }
  });

  test('tells its inputs, outputs, steps and memory', async () => {
    const plan = await buildPlan(network().graph);
    expect(plan.inputs).toEqual([{ dtype: 'f32', shape: [1, 16, 12, 12] }]);
    expect(plan.outputs).toEqual([{ dtype: 'f32', shape: [1, 16] }]);
    expect(plan.device).toBe('cpu');
    const steps = plan.steps();
    expect(steps.length).toBe(plan.summary().steps);
    expect(steps.map((step) => step.name).join(' ')).toMatch(/conv1.*conv2.*pool/);
    const conv1 = steps.find((step) => step.name.includes('conv1') && step.op.includes('conv'))!;
    // Of the products; the epilogue adds a little.
    const products = 2 * 16 * 12 * 12 * 16 * 9;
    expect(conv1.flops).toBeGreaterThanOrEqual(products);
    expect(conv1.flops).toBeLessThan(1.02 * products);
    expect(conv1.algorithm).not.toBe('');
    expect(plan.summary().packedBytes).toBeGreaterThan(2 * 16 * 16 * 9 * 4 - 1);
    plan.dispose();
  });

  test('copies typed arrays before run returns and keeps tensors that are disposed', async () => {
    const { graph, eager } = network();
    const plan = await buildPlan(graph);
    const data = await Tensor.randn([1, 16, 12, 12]).data('f32');
    const expected = eager(Tensor.from(data, [1, 16, 12, 12]));
    const kept = Float32Array.from(data);
    const fromArray = plan.run([data]).outputs[0]!;
    data.fill(0);
    await expectAlike(fromArray, expected);
    const x = Tensor.from(kept, [1, 16, 12, 12]);
    const fromTensor = plan.run([x]).outputs[0]!;
    x.dispose();
    await expectAlike(fromTensor, expected);
    const view = Tensor.from(kept, [16, 12, 12, 1]).permute([3, 0, 1, 2]);
    await expectAlike(plan.run([view]).outputs[0]!, expected);
  });

  test('gives outputs that later runs never touch, the same bits every time', async () => {
    const plan = await buildPlan(network().graph);
    const xs = [1, 2, 3].map(() => Tensor.randn([1, 16, 12, 12]));
    const first = xs.map((x) => plan.run([x]).outputs[0]!);
    const again = [...xs].reverse().map((x) => plan.run([x]).outputs[0]!);
    for (const [i, output] of first.entries()) {
      expect(await output.data()).toEqual(await again[2 - i]!.data());
    }
  });

  test('many runs at once queue up', async () => {
    const { graph, eager } = network();
    const plan = await buildPlan(graph);
    const xs = Array.from({ length: 30 }, () => Tensor.randn([1, 16, 12, 12]));
    const outputs = xs.map((x) => plan.run([x]).outputs[0]!);
    plan.dispose();
    for (const [i, output] of outputs.entries()) await expectAlike(output, eager(xs[i]!));
  });

  test('is a snapshot: later changes of the weights do not reach it', async () => {
    const { graph, weights } = network();
    const plan = await buildPlan(graph);
    const x = Tensor.randn([1, 16, 12, 12]);
    const before = await plan.run([x]).outputs[0]!.data();
    weights[0]!.assign(Tensor.zeros([16, 16, 3, 3]));
    weights[1]!.dispose();
    expect(await plan.run([x]).outputs[0]!.data()).toEqual(before);
  });

  test('may give inputs and constants as outputs, and one value twice', async () => {
    const constant = Tensor.from([7, 8]);
    const value = { dtype: 'f32', shape: [2] } as const;
    const plan = await buildPlan({
      values: [
        { id: 0, ...value },
        { id: 1, ...value, constant },
        { id: 2, ...value },
      ],
      nodes: [{ op: 'binary', attributes: { function: 'add' }, inputs: [0, 1], outputs: [2], name: 'sum' }],
      inputs: [0],
      outputs: [2, 0, 1, 2],
    });
    const { outputs } = plan.run([Float32Array.of(1, 2)]);
    expect(await Promise.all(outputs.map(numbers))).toEqual([
      [8, 10],
      [1, 2],
      [7, 8],
      [8, 10],
    ]);
  });

  test('profiles: seconds for every step', async () => {
    const plan = await buildPlan(network().graph);
    const seconds = await plan.profile([Tensor.randn([1, 16, 12, 12])], { repeats: 3 });
    expect(seconds.length).toBe(plan.summary().steps);
    expect(seconds.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(() => plan.profile([Tensor.zeros([1])])).toThrow(ShapeError);
    expect(() => plan.profile([], { repeats: 0 })).toThrow(/repeats must be at least 1/);
  });

  test('disposed, says so', async () => {
    const plan = await buildPlan(network().graph);
    plan.dispose();
    plan.dispose();
    for (const use of [
      () => plan.run([]),
      () => plan.steps(),
      () => plan.summary(),
      () => plan.profile([]),
    ]) {
      expect(use).toThrow(DisposedError);
    }
  });

  test('with its options: threads, no Winograd, deterministic, measured', async () => {
    const { graph, eager } = network();
    const x = Tensor.randn([1, 16, 12, 12]);
    const expected = eager(x);
    const results: Float32Array[] = [];
    for (const options of [
      { threads: 1 },
      { threads: 2 },
      { winograd: false },
      { chains: true },
      { deterministic: true },
      { tune: 'measure' },
    ] as const) {
      const plan = await buildPlan(graph, options);
      const [output] = plan.run([x]).outputs;
      await expectAlike(output!, expected);
      results.push((await output!.data()) as Float32Array);
      plan.dispose();
    }
    expect(results[0]).toEqual(results[1]);
  });
});

describe('a plan refuses', () => {
  let plan: NativePlan;
  const good = network().graph;

  test('inputs that are not what it was made for', async () => {
    plan = await buildPlan(good);
    const wrong: readonly (readonly [unknown, new (message: string) => Error, RegExp])[] = [
      [[], ArgumentError, /the plan takes 1 inputs, got 0/],
      [[Tensor.zeros([1]), Tensor.zeros([1])], ArgumentError, /got 2/],
      [
        [Tensor.zeros([2, 16, 12, 12])],
        ShapeError,
        /the input must have shape \[1, 16, 12, 12\], got \[2, 16, 12, 12\]/,
      ],
      [[Tensor.zeros([1, 16, 12, 12], { dtype: 'i32' })], DTypeError, /must be f32, got i32/],
      [[new Float32Array(5)], ShapeError, /must have 2304 elements/],
      [
        [new Float64Array(2304)],
        ArgumentError,
        /a Tensor or a typed array for f32, got an instance of Float64Array/,
      ],
      [[[1, 2]], ArgumentError, /got \[1, 2\]/],
      [[null], ArgumentError, /got null/],
      [Tensor.zeros([1]), ArgumentError, /inputs must be an array/],
    ];
    for (const [inputs, kind, message] of wrong) {
      expect(() => plan.run(inputs as Tensor[]), String(message)).toThrow(kind);
      expect(() => plan.run(inputs as Tensor[])).toThrow(message);
    }
    const disposed = Tensor.zeros([1, 16, 12, 12]);
    disposed.dispose();
    expect(() => plan.run([disposed])).toThrow(DisposedError);
  });

  test('graphs that are not consistent, at once, naming the place', () => {
    const change = (
      edit: (graph: { values: unknown[]; nodes: unknown[]; inputs: unknown[]; outputs: unknown[] }) => void,
    ): Graph => {
      const copy = {
        values: [...good.values],
        nodes: [...good.nodes],
        inputs: [...good.inputs],
        outputs: [...good.outputs],
      };
      edit(copy as never);
      return copy;
    };
    const node = good.nodes[0]!;
    const bad: readonly (readonly [Graph, RegExp])[] = [
      [change((g) => g.inputs.push(99)), /inputs names value 99, which does not exist/],
      [change((g) => g.outputs.push(-2)), /outputs names value -2/],
      [change((g) => g.values.push(g.values[0])), /two values have the same id/],
      [
        change((g) => {
          g.nodes[0] = { ...node, op: 'conv9d' };
        }),
        /node 'conv1' has no known op: 'conv9d'/,
      ],
      [
        change((g) => {
          g.nodes[0] = { ...node, inputs: [10, 99] };
        }),
        /node 'conv1' names value 99/,
      ],
      [
        change((g) => {
          g.nodes[0] = { ...node, attributes: {} };
        }),
        /conv2d: attribute 'stride' is missing/,
      ],
      [
        change((g) => {
          g.nodes[0] = { ...node, attributes: { ...node.attributes, groups: 3 } };
        }),
        /conv1.*groups|groups.*conv1/s,
      ],
      [
        change((g) => {
          g.nodes[0] = { ...node, outputs: [32] };
        }),
        /conv1|value/,
      ],
      [
        change((g) => {
          g.nodes.reverse();
        }),
        /pool|conv2|before/,
      ],
      [
        change((g) => {
          g.values[0] = { ...good.values[0], dtype: 'f64' };
        }),
        /dtype of value 10 must be one of/,
      ],
      [
        change((g) => {
          g.values[0] = { ...good.values[0], shape: [1, -1] };
        }),
        /shape of value 10 must be/,
      ],
      [
        change((g) => {
          g.values[1] = { ...good.values[1], constant: 3 };
        }),
        /constant of value 20 must be a Tensor, got 3/,
      ],
    ];
    for (const [graph, message] of bad) expect(() => buildPlan(graph), String(message)).toThrow(message);
    expect(() => buildPlan(good, { threads: -1 })).toThrow(ArgumentError);
    expect(() => buildPlan(good, { tune: 'guess' as never })).toThrow(
      /tune must be one of 'table', 'measure', got 'guess'/,
    );
    expect(() => buildPlan(good, { wino: true } as never)).toThrow(/unknown option 'wino'/);
  });
});
