import {
  BatchNorm2d,
  Conv2d,
  compile,
  Dropout,
  Flatten,
  Graph,
  Identity,
  Linear,
  Module,
  ReLU,
  Sequential,
  trace,
} from '@fusor/layers';
import {
  ArgumentError,
  DeviceError,
  DisposedError,
  DTypeError,
  ops,
  ShapeError,
  scope,
  Tensor,
  TraceError,
} from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { settledMemory } from '../../../native/test/settled-memory.ts';
import { expectTensorsClose, numbers } from './support/compare.ts';
import { net, randomize } from './support/networks.ts';

const small = () =>
  randomize(
    new Sequential(
      new Conv2d(3, 8, 3, { padding: 1, bias: false }),
      new BatchNorm2d(8),
      new ReLU(),
      new Flatten(),
      new Linear(8 * 36, 5),
    ),
  ).eval();

const ones = (count: number) => new Float32Array(count).fill(1);

describe('run', () => {
  it('takes a tensor or a typed array, and gives a tensor of the caller’s own', async () => {
    const model = small();
    const plan = await compile(model, { input: [1, 3, 6, 6] });
    const x = Tensor.randn([1, 3, 6, 6]);
    const first = await plan.run(x);
    const expected = await numbers(first);
    const second = await plan.run((await x.data('f32')) as Float32Array);
    expect(await numbers(second)).toEqual(expected);
    second.dispose();
    await plan.run(ones(108));
    expect(await numbers(first)).toEqual(expected);
    await expectTensorsClose(first, model.forward(x), 1e-5);
  });

  it('copies a typed array before it returns, and keeps a tensor that is disposed', async () => {
    const plan = await compile(small(), { input: [1, 3, 6, 6] });
    const expected = await numbers(await plan.run(ones(108)));
    const data = ones(108);
    const pending = plan.run(data);
    data.fill(Number.NaN);
    expect(await numbers(await pending)).toEqual(expected);
    const tensor = Tensor.from(ones(108), [1, 3, 6, 6]);
    const kept = plan.run(tensor);
    tensor.dispose();
    expect(await numbers(await kept)).toEqual(expected);
  });

  it('queues runs that are started at once, in order and uncorrupted', async () => {
    const plan = await compile(small(), { input: [1, 3, 6, 6] });
    const inputs = Array.from({ length: 40 }, (_, index) => new Float32Array(108).fill(index / 40));
    const alone: number[][] = [];
    for (const input of inputs) alone.push(await numbers(await plan.run(input)));
    const order: number[] = [];
    const together = await Promise.all(
      inputs.map(async (input, index) => {
        const result = await plan.run(input);
        order.push(index);
        return numbers(result);
      }),
    );
    expect(together).toEqual(alone);
    expect(order).toEqual(inputs.map((_, index) => index));
  });

  it('gives tuples and records as forward did, and fills into in the same places', async () => {
    const model = net({ fc: new Linear(2, 3) }, ({ fc }, x) => ({
      logits: fc.forward(x!),
      best: [fc.forward(x!).argmax(-1)],
      nothing: null,
    }));
    const plan = await compile(model, { input: [1, 2] });
    const result = await plan.run(ones(2));
    expect(result.logits.shape).toEqual([1, 3]);
    expect(result.best[0]!.dtype).toBe('i64');
    expect(result.nothing).toBeNull();
    const into = { logits: new Float32Array(3), best: [new BigInt64Array(1)], nothing: null };
    expect(await plan.run(ones(2), { into })).toBe(into);
    expect([...into.logits]).toEqual(await numbers(result.logits));
    expect([...into.best[0]!].map(Number)).toEqual(await numbers(result.best[0]!));
  });

  it('takes records for forwards that take one', async () => {
    class Pair extends Module<Tensor, [{ a: Tensor; b: Tensor }]> {
      override forward({ a, b }: { a: Tensor; b: Tensor }): Tensor {
        return a.sub(b);
      }
    }
    const plan = await compile(new Pair(), { input: { a: [2], b: [2] } });
    expect(await numbers(await plan.run({ b: Float32Array.of(1, 2), a: Tensor.from([5, 5]) }))).toEqual([
      4, 3,
    ]);
    await expect(plan.run({ a: ones(2) } as never)).rejects.toThrow(
      'input b must be a Tensor or Float32Array',
    );
    await expect(plan.run({ a: ones(2), b: ones(2), c: ones(2) })).rejects.toThrow(
      'no input c (it has: a, b)',
    );
    await expect(plan.run(ones(2))).rejects.toThrow('takes a record { a, b }');
  });

  it('a run that fails rejects, and the plan goes on', async () => {
    const model = net({ table: Tensor.zeros([4, 2]) }, ({ table }, x) =>
      table.select(0, 0).add(table.gather(0, x!)),
    );
    const input = { shape: [1, 2], dtype: 'i64' } as const;
    const plan = await compile(model, { input });
    await expect(plan.run(BigInt64Array.of(1n, 99n))).rejects.toThrow();
    expect(await numbers(await plan.run(BigInt64Array.of(1n, 3n)))).toEqual([0, 0]);
  });
});

describe('run refuses bad input by name', () => {
  const made = compile(small(), { input: [1, 3, 6, 6] });
  const disposed = Tensor.zeros([1, 3, 6, 6]);
  disposed.dispose();

  it.each<[string, unknown, new (message: string) => Error, string]>([
    ['shape', Tensor.zeros([1, 3, 6, 7]), ShapeError, 'input x must be [1, 3, 6, 6], got [1, 3, 6, 7]'],
    ['rank', Tensor.zeros([108]), ShapeError, 'input x must be [1, 3, 6, 6], got [108]'],
    ['length', ones(107), ShapeError, 'input x [1, 3, 6, 6] takes 108 elements, got 107'],
    ['dtype', Tensor.zeros([1, 3, 6, 6], { dtype: 'i32' }), DTypeError, 'input x must be f32, got i32'],
    [
      'array',
      new Float64Array(108),
      DTypeError,
      'must be a Tensor or Float32Array (f32), got an instance of Float64Array',
    ],
    ['view', new DataView(new ArrayBuffer(432)), DTypeError, 'got an instance of DataView'],
    ['numbers', [1, 2, 3], ArgumentError, 'the network takes 1 inputs, got 3'],
    ['nothing', undefined, ArgumentError, 'input x must be a Tensor or Float32Array (f32), got undefined'],
    ['text', 'cat.jpg', ArgumentError, "got 'cat.jpg'"],
    ['dispose', disposed, DisposedError, 'input x was used after dispose()'],
  ])('%s', async (_, input, kind, message) => {
    const plan = await made;
    const run = plan.run(input as Tensor);
    await expect(run).rejects.toThrow(kind);
    await expect(run).rejects.toThrow(message);
  });

  it('into', async () => {
    const plan = await made;
    const into = (target: unknown) => plan.run(ones(108), { into: target as Float32Array });
    await expect(into(new Float32Array(4))).rejects.toThrow(
      'into has 4 elements, but the result [1, 5] has 5',
    );
    await expect(into(new Float64Array(5))).rejects.toThrow(
      'into must be a Float32Array for f32, got a Float64Array',
    );
    await expect(into([new Float32Array(5)])).rejects.toThrow('into must have a typed array for each tensor');
  });
});

describe('compile refuses bad options by name', () => {
  it.each<[Record<string, unknown>, new (message: string) => Error, string]>([
    [{ input: [1, 2], devise: 'cpu' }, ArgumentError, "unknown option 'devise'"],
    [{}, ArgumentError, 'the option input is missing'],
    [{ input: [1, Number.NaN] }, ArgumentError, 'has a size NaN'],
    [{ input: [1, 2], device: 'tpu' }, DeviceError, "no device 'tpu'"],
    [{ input: [1, 2], dtype: 'bf16' }, DTypeError, "dtype 'bf16' cannot be had on cpu"],
    [{ input: [1, 2], dtype: 'f8' }, ArgumentError, "dtype must be 'f32', 'f16' or 'bf16', got 'f8'"],
    [{ input: [1, 2], tune: 'fast' }, ArgumentError, "tune must be one of 'table', 'measure', got 'fast'"],
    [{ input: [1, 2], threads: -1 }, ArgumentError, 'threads must be an integer of at least 0'],
    [{ input: [1, 2], winograd: 1 }, ArgumentError, 'winograd must be true or false'],
    [{ input: [1, 2], chains: 'never' }, ArgumentError, 'chains must be true or false'],
    [{ input: [1, 2], weights: 'drop' }, ArgumentError, "weights must be one of 'keep', 'release'"],
    [
      { input: ['n', 2], plannedBatches: 0 },
      ArgumentError,
      'plannedBatches must be an integer of at least 1',
    ],
  ])('%j', async (options, kind, message) => {
    const made = compile(new Linear(2, 2), options as never);
    await expect(made).rejects.toThrow(kind);
    await expect(made).rejects.toThrow(message);
  });

  it('things that are no module, and modules that cannot be traced', async () => {
    await expect(compile({} as never, { input: [1] })).rejects.toThrow('model must be a Module or a Graph');
    await expect(compile(new Dropout(), { input: [1] })).rejects.toThrow(TraceError);
    await expect(compile(new Dropout(), { input: ['n', 2] })).rejects.toThrow('call model.eval()');
    await expect(compile(new Linear(2, 2), { input: [1, 3] })).rejects.toThrow(ShapeError);
  });

  it('leave no memory behind', async () => {
    const model = small();
    const before = await settledMemory();
    await compile(model, { input: [1, 3, 5, 5] }).catch(() => undefined);
    await compile(model.train(), { input: ['n', 3, 6, 6] }).catch(() => undefined);
    expect(await settledMemory()).toEqual(before);
  });
});

describe('a free batch', () => {
  it('is planned as it is met, gives what eager gives, and is told by typed arrays too', async () => {
    const model = small();
    const plan = await compile(model, { input: ['n', 3, 6, 6] });
    for (const batch of [1, 3, 2, 3, 7, 0, 1]) {
      const x = Tensor.randn([batch, 3, 6, 6]);
      const expected = model.forward(x);
      await expectTensorsClose(await plan.run(x), expected, 1e-5);
      if (batch > 0)
        await expectTensorsClose(await plan.run((await x.data('f32')) as Float32Array), expected, 1e-5);
    }
    expect(plan.description().inputs[0]!.shape).toEqual([1, 3, 6, 6]);
    await expect(plan.run(new Float32Array(100))).rejects.toThrow(
      'takes a multiple of 108 elements, got 100',
    );
  });

  it('runs started at once with different batches do not disturb each other', async () => {
    const plan = await compile(small(), { input: ['n', 3, 6, 6], plannedBatches: 2 });
    const alone = await numbers(await plan.run(ones(108)));
    const batches = [4, 1, 2, 3, 4, 2, 1, 5];
    const results = await Promise.all(batches.map((batch) => plan.run(ones(108 * batch))));
    for (const [index, result] of results.entries()) {
      expect(result.shape).toEqual([batches[index], 5]);
      const data = await numbers(result);
      for (let image = 0; image < batches[index]!; image++) {
        const row = data.slice(image * 5, image * 5 + 5);
        for (const [k, value] of row.entries()) expect(Math.abs(value - alone[k]!)).toBeLessThan(1e-5);
      }
    }
  });

  it('keeps no more plans than told', async () => {
    const before = (await settledMemory()).plans;
    const plan = await compile(small(), { input: ['n', 3, 6, 6], plannedBatches: 2 });
    for (const batch of [2, 3, 4, 5]) await plan.prepare(batch);
    expect((await settledMemory()).plans - before).toBe(2);
    plan.dispose();
    expect((await settledMemory()).plans - before).toBe(0);
  });

  it('branches of forward follow the batch', async () => {
    const model = net({}, (_, x) => (x!.shape[0] === 1 ? x!.mul(10) : x!.neg()));
    const plan = await compile(model, { input: ['n', 2] });
    expect(await numbers(await plan.run(ones(2)))).toEqual([10, 10]);
    expect(await numbers(await plan.run(ones(4)))).toEqual([-1, -1, -1, -1]);
  });

  it('is a snapshot: later changes, training mode and dispose of the module do not reach it', async () => {
    const model = small();
    const plan = await compile(model, { input: ['n', 3, 6, 6] });
    const x = Tensor.randn([2, 3, 6, 6]);
    const expected = await numbers(model.forward(x));
    randomize(model, 2);
    model.train();
    const weight = (model.at(0) as Conv2d).weight;
    const result = await plan.run(x);
    expect(model.training).toBe(true);
    expect((model.at(0) as Conv2d).weight).toBe(weight);
    for (const [index, value] of (await numbers(result)).entries())
      expect(Math.abs(value - expected[index]!)).toBeLessThan(1e-5);
    model.dispose();
    const four = await plan.run(Tensor.zeros([4, 3, 6, 6]));
    expect(four.shape).toEqual([4, 5]);
  });

  it('after modules were replaced, new batches are refused and old ones run', async () => {
    const model = small();
    const plan = await compile(model, { input: ['n', 3, 6, 6] });
    model.layers['2'] = new Identity();
    expect((await plan.run(ones(108))).shape).toEqual([1, 5]);
    await expect(plan.run(ones(216))).rejects.toThrow(TraceError);
    await expect(plan.run(ones(216))).rejects.toThrow('were replaced since it was compiled');
  });

  it('keeps weights of all dtypes', async () => {
    const half = Tensor.from([1.5, -2]).to('f16');
    const count = Tensor.from([3], undefined, { dtype: 'i64' });
    const model = net({ half, count }, (own, x) => x!.mul(own.half.to('f32')).add(own.count.to('f32')));
    const plan = await compile(model, { input: ['n', 2] });
    model.dispose();
    expect(await numbers(await plan.run(ones(4)))).toEqual([4.5, 1, 4.5, 1]);
  });

  it('inputs must agree on the batch', async () => {
    const plan = await compile(
      net({}, (_, a, b) => a!.add(b!)),
      {
        input: [
          ['n', 2],
          ['n', 2],
        ],
      },
    );
    await expect(plan.run([ones(2), ones(4)])).rejects.toThrow(
      'inputs x0 and x1 have different batches, 1 and 2',
    );
    expect(await numbers(await plan.run([ones(4), Tensor.ones([2, 2])]))).toEqual([2, 2, 2, 2]);
  });
});

describe('weights that are views', () => {
  it.each([
    ['every third', (x: Tensor) => x.slice(0, 0, 24, 3)],
    ['one that is repeated', (x: Tensor) => x.slice(0, 3, 4).expand([8])],
    ['a column', (x: Tensor) => x.reshape([8, 3]).slice(1, 1, 2).reshape([8])],
    ['some in the middle', (x: Tensor) => x.slice(0, 7, 15)],
  ])('are read by their strides: %s', async (_, view) => {
    const weight = view(Tensor.randn([24]));
    class Scale extends Module {
      override forward(x: Tensor): Tensor {
        return ops.layerNorm(x.mul(weight), [8], { weight });
      }
    }
    const x = Tensor.randn([3, 8]);
    const plan = await compile(new Scale(), { input: [3, 8] });
    await expectTensorsClose(await plan.run(x), new Scale().forward(x), 1e-5);
    plan.dispose();
  });

  it('are read by their strides: a convolution’s and a linear’s, transposed', async () => {
    const kernel = Tensor.randn([3, 3, 16, 8]).permute([3, 2, 1, 0]);
    const matrix = Tensor.randn([8, 5]).transpose(0, 1);
    class Net extends Module {
      override forward(x: Tensor): Tensor {
        return ops.linear(ops.globalAvgPool2d(ops.conv2d(x, kernel)).flatten(1), matrix);
      }
    }
    const x = Tensor.randn([2, 16, 9, 9]);
    const plan = await compile(new Net(), { input: [2, 16, 9, 9] });
    await expectTensorsClose(await plan.run(x), new Net().forward(x), 1e-5);
    plan.dispose();
  });
});

describe('a plan is a snapshot', () => {
  it('that later assign, load and dispose do not reach', async () => {
    const model = small();
    const plan = await compile(model, { input: [1, 3, 6, 6] });
    const expected = await numbers(await plan.run(ones(108)));
    randomize(model, 5);
    expect(await numbers(await plan.run(ones(108)))).toEqual(expected);
    model.dispose();
    expect(await numbers(await plan.run(ones(108)))).toEqual(expected);
  });

  it.each([[[1, 3, 6, 6] as const], [['n', 3, 6, 6] as const]])(
    'weights: release moves the weights of %j into it, and using the module is an error that says so',
    async (input) => {
      const model = small();
      const reference = small();
      const before = await settledMemory();
      const plan = await compile(model, { input, weights: 'release' });
      // Of a free batch they are kept for batches to come.
      expect(before.tensors - (await settledMemory()).tensors).toBe(input[0] === 'n' ? 0 : 8);
      const x = Tensor.randn([1, 3, 6, 6]);
      await expectTensorsClose(await plan.run(x), reference.forward(x), 1e-5);
      if (input[0] === 'n') {
        const two = Tensor.randn([2, 3, 6, 6]);
        await expectTensorsClose(await plan.run(two), reference.forward(two), 1e-5);
      }
      for (const use of [
        () => model.forward(x),
        () => (model.at(4) as Linear).forward(Tensor.zeros([1, 288])),
        () => model.stateDict(),
        () => model.parameters(),
        () => model.loadStateDict(reference.stateDict()),
        () => model.to('cpu'),
      ]) {
        expect(use).toThrow(DisposedError);
        expect(use).toThrow("compile(model, { weights: 'release' })");
      }
      await expect(compile(model, { input })).rejects.toThrow("weights: 'release'");
      await expect(model.save('/nowhere')).rejects.toThrow("weights: 'release'");
      model.dispose();
      expect(`${model}`).toContain('Conv2d');
      plan.dispose();
      const after = await settledMemory();
      expect(after.plans).toBe(before.plans);
      expect(after.planBytes).toBe(before.planBytes);
    },
  );

  it('compiled and run within a scope, it stays whole; its results belong to the scope', async () => {
    const model = small();
    const plan = await scope(async () => compile(model, { input: ['n', 3, 6, 6] }));
    const inner: Tensor[] = [];
    const total = await scope(async () => {
      const result = await plan.run(ones(216));
      inner.push(result);
      return result.sum();
    });
    expect(total.disposed).toBe(false);
    expect(inner[0]!.disposed).toBe(true);
    expect((await plan.run(ones(324))).shape).toEqual([3, 5]);
  });
});

describe('dispose', () => {
  it('frees a plan once queued runs are done, and further use is an error', async () => {
    const plan = await compile(small(), { input: [1, 3, 6, 6] });
    const expected = await numbers(await plan.run(ones(108)));
    const pending = [plan.run(ones(108)), plan.run(ones(108))];
    plan.dispose();
    plan.dispose();
    for (const run of pending) expect(await numbers(await run)).toEqual(expected);
    expect(plan.disposed).toBe(true);
    await expect(plan.run(ones(108))).rejects.toThrow(DisposedError);
    await expect(plan.profile(ones(108))).rejects.toThrow(DisposedError);
    expect(() => plan.describe()).toThrow('the plan was used after dispose()');
  });

  it('keeps memory flat over many plans and runs', async () => {
    const model = small();
    const before = await settledMemory();
    for (let round = 0; round < 20; round++) {
      using plan = await compile(model, { input: [1, 3, 6, 6] });
      for (let run = 0; run < 20; run++) (await plan.run(ones(108))).dispose();
    }
    expect(await settledMemory()).toEqual(before);
  });
});

describe('describe, profile and JSON', () => {
  it('tell what runs, how and how much', async () => {
    const plan = await compile(small(), { input: [1, 3, 6, 6] });
    const description = plan.description();
    // The products, and little more for the epilogues.
    const products = 2 * (36 * 8 * 27 + 288 * 5);
    expect(description.flops).toBeGreaterThanOrEqual(products);
    expect(description.flops).toBeLessThan(1.05 * products);
    expect(description.packedBytes).toBeGreaterThanOrEqual(4 * (8 * 27 + 288 * 5));
    expect(description.passes).toEqual({ 'fold batch-norm': 1, 'fuse activation': 1 });
    expect(description.instructionSets.length).toBeGreaterThan(0);
    const text = plan.describe();
    for (const part of [
      'Sequential on cpu',
      'x: f32 [1, 3, 6, 6]',
      'fold batch-norm: 1',
      'conv2d',
      'packed weights',
      '0 + 1 + 2',
    ]) {
      expect(text).toContain(part);
    }
    for (const step of description.steps) expect(text).toContain(step.algorithm);
  });

  it('profile gives time for every step, of whose sum the shares are', async () => {
    const plan = await compile(small(), { input: [1, 3, 6, 6] });
    const profile = await plan.profile(ones(108), { repeats: 3 });
    expect(profile.steps.map((step) => step.name)).toEqual(plan.description().steps.map((step) => step.name));
    expect(profile.steps.every((step) => step.seconds >= 0)).toBe(true);
    expect(profile.seconds).toBeGreaterThan(0);
    expect(profile.steps.reduce((sum, step) => sum + step.share, 0)).toBeCloseTo(1, 6);
    expect(profile.toString()).toContain('ms in all');
    await expect(profile.steps).toBeDefined();
    await expect(plan.profile(ones(3))).rejects.toThrow(ShapeError);
  });

  it('the graph goes out as JSON, comes in again and runs with its constants', async () => {
    const model = small();
    const x = Tensor.randn([1, 3, 6, 6]);
    const json = JSON.stringify(trace(model, [1, 3, 6, 6]));
    const graph = Graph.fromJSON(json, model.stateDict());
    const plan = await compile(graph);
    await expectTensorsClose((await plan.run(x)) as Tensor, model.forward(x), 1e-5);
    // The graph was copied: it can be compiled again.
    await expectTensorsClose((await (await compile(graph)).run(x)) as Tensor, model.forward(x), 1e-5);
    await expect(compile(Graph.fromJSON(json))).rejects.toThrow('no elements for 0.weight, 1.running_mean');
    expect(JSON.parse(JSON.stringify(plan)).graph.format).toBe('fusor-graph');
  });
});
