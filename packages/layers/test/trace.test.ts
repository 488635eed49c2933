import {
  BatchNorm2d,
  Conv2d,
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
import { ArgumentError, ops, ShapeError, scope, Tensor, TraceError } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { expectTensorsClose } from './support/compare.ts';
import { net, randomize } from './support/networks.ts';

class BasicBlock extends Module {
  conv1 = new Conv2d(4, 4, 3, { padding: 1, bias: false });
  bn1 = new BatchNorm2d(4);
  relu = new ReLU();
  override forward(x: Tensor): Tensor {
    const y = this.bn1.forward(this.conv1.forward(x));
    return this.relu.forward(this.relu.forward(y).add(x));
  }
}

describe('trace records what forward does', () => {
  it('as text with names from the modules, shapes and attributes that say something', () => {
    const model = new Sequential(
      new BasicBlock(),
      new Flatten(),
      new Linear(16, 2),
      new Dropout(),
      new Identity(),
    ).eval();
    expect(trace(model, [1, 4, 2, 2]).toString()).toBe(
      `graph(x: f32 [1, 4, 2, 2]) {
  %2 = conv2d(x, 0.conv1.weight) stride=[1, 1] padding=[1, 1, 1, 1]: f32 [1, 4, 2, 2]  # 0.conv1
  %7 = batchNorm(%2, 0.bn1.running_mean, 0.bn1.running_var, 0.bn1.weight, 0.bn1.bias) epsilon=0.00001: f32 [1, 4, 2, 2]  # 0.bn1
  %8 = unary(%7) function=relu: f32 [1, 4, 2, 2]  # 0.relu
  %9 = binary(%8, x) function=add: f32 [1, 4, 2, 2]  # 0.add
  %10 = unary(%9) function=relu: f32 [1, 4, 2, 2]  # 0.relu_1
  %11 = reshape(%10) shape=[1, 16]: f32 [1, 16]  # 1
  %14 = linear(%11, 2.weight, 2.bias): f32 [1, 2]  # 2
  return %14
}`,
    );
  });

  it('inputs in lists and records, results in tuples and records, constants of all kinds', () => {
    const offset = Tensor.from([1, 2]);
    const two = net({}, (_, a, b) => ({ sum: a!.add(b!), parts: [a!.mul(2), offset], nothing: null }));
    expect(trace(two, [[2], { shape: [2], dtype: 'f32' }]).toString()).toBe(
      `graph(x0: f32 [2], x1: f32 [2]) {
  %2 = binary(x0, x1) function=add: f32 [2]  # add
  %4 = binary(x0, constant) function=mul: f32 [2]  # mul
  return { sum: %2, parts: [%4, constant_1], nothing: null }
}`,
    );
    class Named extends Module<Tensor, [{ image: Tensor; index: Tensor }]> {
      override forward({ image, index }: { image: Tensor; index: Tensor }): Tensor {
        return ops.indexSelect(image, 0, index);
      }
    }
    const input = { image: [4, 2], index: { shape: [3], dtype: 'i64' } } as const;
    expect(trace(new Named(), input).toString()).toBe(
      `graph(image: f32 [4, 2], index: i64 [3]) {
  %2 = indexSelect(image, index) dim=0: f32 [3, 2]  # indexSelect
  return %2
}`,
    );
  });

  it('shapes are plain numbers: branches and arithmetic on them work', () => {
    const model = net({}, (_, x) => {
      const [n, c] = x!.shape as [number, number];
      const y = n > 1 ? x!.reshape([n * c]) : x!.relu();
      return y.mul(1 / (n * c));
    });
    expect(trace(model, [2, 3]).nodes.map((node) => node.op)).toEqual(['reshape', 'binary']);
    expect(trace(model, ['n', 3]).nodes.map((node) => node.op)).toEqual(['unary', 'binary']);
    expect(trace(model, ['n', 3], { batch: 5 }).inputs[0]!.shape).toEqual([5, 3]);
  });

  it('a model leaves it as it was: its forwards, its tensors, its mode', async () => {
    const model = randomize(new BasicBlock()).eval();
    const x = Tensor.ones([1, 4, 2, 2]);
    const before = model.forward(x);
    const graph = trace(model, [1, 4, 2, 2]);
    expect(Object.keys(model)).not.toContain('forward');
    expect(Object.hasOwn(model.conv1, 'forward')).toBe(false);
    graph.dispose();
    await expectTensorsClose(model.forward(x), before, 0);
  });

  it('a forward that is a field is recorded and put back', () => {
    class Arrow extends Module {
      override forward = (x: Tensor): Tensor => x.relu();
    }
    const model = new Arrow();
    const { forward } = model;
    expect(trace(model, [2]).nodes[0]!.name).toBe('relu');
    expect(model.forward).toBe(forward);
  });

  it('within a scope, and with a scope in forward', () => {
    const model = net({ a: new Linear(2, 2) }, ({ a }, x) => scope(() => a.forward(x!).mul(3).relu()));
    const graph = scope(() => trace(model, [1, 2]));
    const [weight, bias, three] = graph.constants().map((value) => value.constant!);
    expect(three!.disposed).toBe(false);
    graph.dispose();
    expect(three!.disposed).toBe(true);
    expect([weight, bias]).toEqual([...model.stateDict().values()]);
    expect([weight, bias].some((tensor) => tensor!.disposed)).toBe(false);
  });
});

describe('trace refuses, with the place', () => {
  it.each<[string, (x: Tensor) => unknown, string]>([
    ['elements', (x) => x.data(), 'elements are not known while a network is compiled'],
    ['items', (x) => x.sum().item(), 'elements are not known'],
    ['random numbers', (x) => x.add(Tensor.rand([2])), 'random numbers cannot be compiled'],
    ['results that are no tensors', () => 3, 'the result is number 3'],
    [
      'results with something else in them',
      (x) => ({ y: [x, new Map()] }),
      'the result.y[1] is an instance of Map',
    ],
    ['no result', () => undefined, 'forward returned no tensor'],
    ['promises', async (x) => x, 'returned a promise'],
    ['promises that wait for data', async (x) => Tensor.from(await x.data()), 'returned a promise'],
  ])('%s', (_, compute, message) => {
    const model = new Sequential(new Identity());
    const outer = net({ inner: model }, (_parts, x) => compute(x!));
    expect(() => trace(outer, [2])).toThrow(TraceError);
    expect(() => trace(outer, [2])).toThrow(message);
  });

  it('changes of parameters', () => {
    const model = net({ weight: Tensor.ones([2]) }, ({ weight }, x) => weight.assign(x!));
    expect(() => trace(model, [2])).toThrow('assign');
    expect(() => trace(model, [2])).toThrow(TraceError);
  });

  it('layers in training mode that would change or drop something, telling to call eval()', () => {
    const norm = new Sequential(new Sequential(new Conv2d(1, 2, 1), new BatchNorm2d(2)));
    expect(() => trace(norm, [1, 1, 2, 2])).toThrow(TraceError);
    expect(() => trace(norm, [1, 1, 2, 2])).toThrow(
      'BatchNorm2d is in training mode, where it changes its running statistics; call model.eval() before it is compiled (in 0.1, a BatchNorm2d)',
    );
    expect(() => trace(new Dropout(), [2])).toThrow(
      'Dropout is in training mode, where it drops at random; call model.eval()',
    );
    expect(trace(new Dropout(0), [2]).nodes).toEqual([]);
    expect(trace(norm.eval(), [1, 1, 2, 2]).nodes.length).toBe(2);
  });

  it('shapes that do not fit, with the module they met in', () => {
    const model = new Sequential(new Identity(), new Sequential(new Conv2d(3, 4, 3))).eval();
    expect(() => trace(model, [1, 4, 8, 8])).toThrow(ShapeError);
    expect(() => trace(model, [1, 4, 8, 8])).toThrow(/conv2d.*\(in 1\.0, a Conv2d\)/);
    // The error came once, and leaves nothing behind.
    expect(trace(model, [1, 3, 8, 8]).nodes.length).toBe(1);
  });

  it.each<[unknown, string]>([
    ['x', 'input must be a shape'],
    [[1, Number.NaN], 'a size NaN; sizes are non-negative integers'],
    [[1, -3], 'a size -3'],
    [[1, 2.5], 'a size 2.5'],
    [['n', 'n'], "has 'n' twice"],
    [[1, 'm'], "a size 'm'"],
    [[[1, 2], 3], 'input[1] must be a shape'],
    [{ x: { shape: [1], dtype: 'f64' } }, "input.x has an unknown dtype 'f64'"],
    [{}, 'names no inputs'],
    [{ x: null }, 'input.x must be a shape'],
  ])('inputs such as %j', (input, message) => {
    expect(() => trace(new ReLU(), input as never)).toThrow(ArgumentError);
    expect(() => trace(new ReLU(), input as never)).toThrow(message);
  });
});

describe('graphs are plain data', () => {
  it('JSON goes out and in again, with infinities, bigints and null in it', () => {
    const model = net({ conv: new Conv2d(2, 2, 1) }, ({ conv }, x) => ({
      low: conv.forward(x!).clamp(Number.NEGATIVE_INFINITY, 1.5),
      padded: [ops.pad(x!, [1, 1], { value: Number.NEGATIVE_INFINITY }), null],
      sliced: x!.slice(3, 0, -1),
    }));
    const graph = trace(model, [1, 2, 3, 3]);
    const text = JSON.stringify(graph);
    const again = Graph.fromJSON(text);
    expect(again.toString()).toBe(graph.toString());
    expect(JSON.stringify(again)).toBe(text);
    expect(again.constants().map((value) => [value.name, value.constant])).toEqual([
      ['conv.weight', undefined],
      ['conv.bias', undefined],
    ]);
    const filled = Graph.fromJSON(JSON.parse(text), model.stateDict());
    expect(filled.constants().every((value) => value.constant !== undefined)).toBe(true);
    const wrong = new Map([['conv.bias', Tensor.zeros([3])]]);
    expect(() => Graph.fromJSON(text, wrong)).toThrow('constant conv.bias is f32 [2]');
  });

  it.each<[(json: Record<string, unknown>) => void, string]>([
    [(json) => delete json.format, 'no format'],
    [(json) => (json.version = 2), 'version 2 is not known'],
    [(json) => (json.nodes = 3), 'nodes is not a list'],
    [(json) => (json.outputs = [99]), 'the result uses value 99'],
    [(json) => (json.result = 1), 'result names output 1'],
    [(json) => (json.inputs = [{ id: 0, dtype: 'f8', shape: [1] }]), 'value 0 has no known dtype'],
    [(json) => (json.inputs = [{ id: 0, dtype: 'f32', shape: [null] }]), 'value 0 has no shape'],
    [
      (json) => (json.nodes as { inputs: number[] }[])[0]!.inputs.splice(0, 1, 1),
      'uses value 1, which is not made before it',
    ],
    [(json) => (json.nodes as unknown[]).push((json.nodes as unknown[])[0]), 'two values have the id 1'],
  ])('hostile JSON is refused: %#', (spoil, message) => {
    const json = JSON.parse(JSON.stringify(trace(new ReLU(), [2]))) as Record<string, unknown>;
    spoil(json);
    expect(() => Graph.fromJSON(JSON.stringify(json))).toThrow(ArgumentError);
    expect(() => Graph.fromJSON(JSON.stringify(json))).toThrow(message);
  });

  it('text that is no JSON is refused', () => {
    expect(() => Graph.fromJSON('{')).toThrow('the text is not JSON');
  });
});
