import { type DType, manualSeed, ops, ShapeError, scope, Tensor, TraceError } from '@fusor/native';
import {
  type Attributes,
  currentTracer,
  inferOp,
  isSymbolic,
  type OpName,
  retain,
  runOp,
  symbolicTensor,
  symbolicValue,
  type TensorSpec,
  type Tracer,
  withTracer,
} from '@fusor/native/trace';
import { describe, expect, test } from 'vitest';

/** Notes what it is told. */
class Recorder implements Tracer {
  readonly nodes: { op: OpName; inputs: (number | null)[]; attributes: Attributes; outputs: number[] }[] = [];
  readonly constants = new Map<Tensor, Tensor>();
  #next = 0;

  input(shape: readonly number[], dtype: DType = 'f32'): Tensor {
    return symbolicTensor(this, { dtype, shape }, this.#next++);
  }

  record(
    op: OpName,
    inputs: readonly (Tensor | null)[],
    attributes: Attributes,
    outputs: readonly TensorSpec[],
  ): Tensor[] {
    const results = outputs.map((spec) => symbolicTensor(this, spec, this.#next++));
    this.nodes.push({
      op,
      inputs: inputs.map((input) => (input === null ? null : symbolicValue(input)!)),
      attributes,
      outputs: results.map((tensor) => symbolicValue(tensor)!),
    });
    return results;
  }

  constant(tensor: Tensor): Tensor {
    let symbol = this.constants.get(tensor);
    if (symbol === undefined) {
      symbol = symbolicTensor(this, tensor, this.#next++);
      this.constants.set(tensor, symbol);
    }
    return symbol;
  }
}

describe('tracing', () => {
  test('records operations on symbolic tensors instead of computing them', () => {
    const recorder = new Recorder();
    const x = recorder.input([1, 3, 8, 8]);
    const weight = Tensor.zeros([4, 3, 3, 3]);
    const y = withTracer(recorder, () =>
      ops.conv2d(x, weight, { padding: 1, stride: 2, activation: 'relu' }).flatten(1),
    );
    expect([y.shape, y.dtype, isSymbolic(y), isSymbolic(weight)]).toEqual([[1, 64], 'f32', true, false]);
    expect(recorder.nodes).toEqual([
      {
        op: 'conv2d',
        inputs: [0, 1, null, null],
        attributes: {
          stride: [2, 2],
          padding: [1, 1, 1, 1],
          dilation: [1, 1],
          groups: 1,
          activation: 'relu',
        },
        outputs: [2],
      },
      { op: 'reshape', inputs: [2], attributes: { shape: [1, 64] }, outputs: [3] },
    ]);
    expect([...recorder.constants.keys()]).toEqual([weight]);
  });

  test('every operation can be recorded, with the shapes and dtypes that it has when it is computed', async () => {
    const image = () => Tensor.rand([2, 4, 6, 6]);
    const matrix = () => Tensor.rand([4, 6]);
    const calls: Record<string, [inputs: () => Tensor[], call: (...x: Tensor[]) => Tensor | Tensor[]]> = {
      conv2d: [
        () => [image(), Tensor.rand([8, 2, 3, 3])],
        (x, w) => ops.conv2d(x!, w!, { groups: 2, padding: 'same' }),
      ],
      'conv2d unbatched': [
        () => [Tensor.rand([4, 6, 6]), Tensor.rand([8, 4, 3, 3])],
        (x, w) => ops.conv2d(x!, w!),
      ],
      linear: [() => [matrix(), Tensor.rand([3, 6])], (x, w) => ops.linear(x!, w!)],
      matmul: [() => [matrix(), Tensor.rand([6])], (a, b) => ops.matmul(a!, b!)],
      batchNorm: [
        () => [image(), Tensor.rand([4]), Tensor.ones([4])],
        (x, m, v) => ops.batchNorm(x!, { mean: m!, variance: v! }),
      ],
      batchNormTraining: [
        () => [image(), Tensor.rand([4]), Tensor.ones([4])],
        (x, m, v) => Object.values(ops.batchNorm(x!, { mean: m!, variance: v!, training: true })),
      ],
      layerNorm: [() => [matrix()], (x) => ops.layerNorm(x!, 6)],
      addLayerNorm: [() => [matrix(), matrix()], (x, y) => Object.values(ops.addLayerNorm(x!, y!, 6))],
      rmsNorm: [() => [matrix()], (x) => ops.rmsNorm(x!, 6)],
      groupNorm: [() => [image()], (x) => ops.groupNorm(x!, 2)],
      residualAdd: [() => [matrix(), matrix()], (x, y) => ops.residualAdd(x!, y!, { activation: 'gelu' })],
      promotion: [() => [matrix(), matrix().to('i32')], (x, y) => x!.add(y!).mul(2)],
      comparison: [() => [matrix(), matrix()], (x, y) => ops.where(x!.lt(y!), x!, 0)],
      unary: [() => [matrix()], (x) => x!.exp().clamp(1, 2).leakyRelu(0.3)],
      softmax: [() => [matrix().to('i32')], (x) => x!.softmax(0)],
      reduce: [() => [image()], (x) => [x!.sum(), x!.mean([2, 3]), x!.variance(1, { keepDims: true })]],
      argmax: [() => [matrix()], (x) => [x!.argmax(), x!.argmin(1, { keepDims: true })]],
      topk: [() => [matrix()], (x) => Object.values(x!.topk(2))],
      pooling: [
        () => [image()],
        (x) => [
          ops.maxPool2d(x!, 2),
          ops.avgPool2d(x!, 3),
          ops.globalAvgPool2d(x!),
          ops.adaptiveMaxPool2d(x!, 2),
        ],
      ],
      'pooling of sequences': [() => [Tensor.rand([2, 3, 9])], (x) => ops.maxPool1d(x!, 3)],
      movement: [
        () => [image()],
        (x) => [
          x!.permute([0, 2, 3, 1]),
          x!.slice(2, 1, -1, 2),
          x!.select(1, 0),
          x!.unsqueeze(0).expand([3, -1, -1, -1, -1]),
          ...x!.split(3, 3),
        ],
      ],
      joining: [
        () => [matrix(), matrix()],
        (x, y) => [ops.concat([x!, y!], 1), ops.stack([x!, y!]), x!.pad([1, 2])],
      ],
      indexing: [
        () => [matrix(), Tensor.zeros([2, 2], { dtype: 'i64' })],
        (x, i) => [ops.gather(x!, 0, i!), ops.indexSelect(x!, 1, i!), ops.embedding(x!, i!)],
      ],
    };
    for (const [name, [inputs, call]] of Object.entries(calls)) {
      const real = inputs();
      const computed = [call(...real)].flat();
      const recorder = new Recorder();
      const recorded = withTracer(recorder, () =>
        [call(...real.map((x) => recorder.input(x.shape, x.dtype)))].flat(),
      );
      expect(
        recorded.map(({ shape, dtype }) => [shape, dtype]),
        name,
      ).toEqual(computed.map(({ shape, dtype }) => [shape, dtype]));
      expect(recorder.nodes.length, name).toBeGreaterThan(0);
      await Promise.all(computed.map((tensor) => tensor.data()));
    }
  });

  test('a number becomes a constant, and so does what real tensors give', async () => {
    const recorder = new Recorder();
    const weight = Tensor.from([1, 2]);
    let scaled: Tensor | undefined;
    withTracer(recorder, () => {
      scaled = weight.mul(3);
      recorder.input([2]).add(scaled).sub(1);
    });
    const constants = [...recorder.constants.keys()];
    expect(constants[0]).toBe(scaled);
    expect(constants[1]!.shape).toEqual([]);
    expect(await scaled!.data()).toEqual(Float32Array.of(3, 6));
  });

  test('the same real tensor is one constant, also where it is used twice', () => {
    const recorder = new Recorder();
    const weight = Tensor.from([1, 2]);
    withTracer(recorder, () => recorder.input([2]).add(weight).mul(weight));
    expect(recorder.constants.size).toBe(1);
  });

  test('retain outlives the dispose of the original', async () => {
    const original = Tensor.from([5]);
    const second = retain(original);
    original.dispose();
    expect(await second.item()).toBe(5);
    expect(() => retain(original)).toThrow(/after dispose/);
  });

  test('wrong shapes fail as ever', () => {
    const recorder = new Recorder();
    expect(() => withTracer(recorder, () => recorder.input([2, 3]).add(recorder.input([4])))).toThrow(
      ShapeError,
    );
    expect(() => withTracer(recorder, () => recorder.input([2, 3]).add(recorder.input([4])))).toThrow(
      /\[2, 3\] and \[4\]/,
    );
  });

  test('elements, randomness and assignment cannot be recorded', () => {
    const recorder = new Recorder();
    const x = recorder.input([1]);
    const running = Tensor.zeros([1]);
    const refused: readonly (readonly [() => unknown, RegExp])[] = [
      [() => x.data(), /data: a tensor's elements are not known while/],
      [() => x.item(), /item: /],
      [() => x.strides, /strides: /],
      [() => x.readInto(new Float32Array(1)), /readInto: /],
      [() => Tensor.rand([1]), /Tensor.rand: random numbers cannot be compiled/],
      [() => Tensor.randn([1]), /randn/],
      [() => Tensor.bernoulli([1], 0.5), /bernoulli/],
      [() => running.assign(x), /assign cannot be compiled/],
      [() => running.assign(Tensor.ones([1])), /assign cannot be compiled/],
    ];
    for (const [call, message] of refused) {
      expect(() => withTracer(recorder, call), String(message)).toThrow(TraceError);
      expect(() => withTracer(recorder, call)).toThrow(message);
    }
    manualSeed(1);
    expect(Tensor.rand([1]).shape).toEqual([1]);
  });

  test('a symbolic tensor is of no use outside its tracing', () => {
    const recorder = new Recorder();
    const x = recorder.input([1]);
    expect(() => x.add(1)).toThrow(/symbolic tensor whose tracing has ended/);
    expect(() => withTracer(new Recorder(), () => x.relu())).toThrow(TraceError);
    expect(String(x)).toBe('Tensor(f32 [1] on cpu, symbolic)');
    expect(symbolicValue(x)).toBe(0);
    expect(symbolicValue(Tensor.zeros([1]))).toBeUndefined();
  });

  test('the tracer is active for the length of one synchronous call', () => {
    const recorder = new Recorder();
    expect(currentTracer()).toBeUndefined();
    withTracer(recorder, () => expect(currentTracer()).toBe(recorder));
    expect(() => withTracer(recorder, () => Promise.resolve())).toThrow(/must be synchronous/);
    expect(() =>
      withTracer(recorder, () => {
        throw new RangeError('mine');
      }),
    ).toThrow(RangeError);
    expect(currentTracer()).toBeUndefined();
  });

  test('scopes dispose symbolic tensors like others', () => {
    const recorder = new Recorder();
    let inner: Tensor | undefined;
    const outer = withTracer(recorder, () =>
      scope(() => {
        inner = recorder.input([2]).relu();
        return inner.exp();
      }),
    );
    expect([inner!.disposed, outer.disposed]).toEqual([true, false]);
    expect(() => withTracer(recorder, () => inner!.relu())).toThrow(/relu: input was used after dispose/);
  });
});

describe('operations by name', () => {
  test('inferOp tells shapes without computing', () => {
    const spec: TensorSpec = { dtype: 'f32', shape: [2, 3] };
    expect(inferOp('binary', [spec, { dtype: 'f32', shape: [3] }], { function: 'less' })).toEqual([
      { dtype: 'u8', shape: [2, 3] },
    ]);
    expect(inferOp('topk', [spec], { k: 2, dim: 1, largest: true, sorted: true })).toEqual([
      { dtype: 'f32', shape: [2, 2] },
      { dtype: 'i64', shape: [2, 2] },
    ]);
    expect(inferOp('linear', [spec, { dtype: 'f32', shape: [5, 3] }, null], {})).toEqual([
      { dtype: 'f32', shape: [2, 5] },
    ]);
    expect(() => inferOp('linear', [spec, null], {})).toThrow(/linear: weight is missing/);
  });

  test('runOp computes a node as graphs have it', async () => {
    const x = Tensor.from([
      [1, -2],
      [3, -4],
    ]);
    const [sum] = runOp('reduce', [x], { function: 'sum', dims: [1], keepDims: false });
    expect(await sum!.data()).toEqual(Float32Array.of(-1, -1));
    const [filled] = runOp('fill', [], { shape: [2], dtype: 'i32', value: 7 });
    expect(await filled!.data()).toEqual(Int32Array.of(7, 7));
  });

  test('attributes that are missing, misspelt in type or out of range are told by name', () => {
    const x = Tensor.zeros([2, 2]);
    const bad: readonly (readonly [OpName, Attributes, RegExp])[] = [
      ['softmax', { dim: 0 }, /softmax: attribute 'log' is missing/],
      ['softmax', { dim: '0', log: false }, /dim must be a 32-bit integer, got '0'/],
      ['softmax', { dim: 2 ** 31, log: false }, /dim must be a 32-bit integer/],
      ['softmax', { dim: 0, log: 1 }, /log must be true or false, got 1/],
      ['unary', { function: 'swish' }, /function must be one of 'relu', 'gelu'/],
      ['unary', { function: 3 }, /function must be one of/],
      ['unary', { function: 'clamp', alpha: '1' }, /alpha must be a number, got '1'/],
      ['reshape', { shape: [4.5] }, /shape must be an integer, got 4.5/],
      ['reshape', { shape: 4 }, /shape must be an array of at most 8 integers, got 4/],
      ['linear', { activation: 'swish' }, /activation must be one of/],
      ['nothing' as OpName, {}, /there is no operation 'nothing'/],
    ];
    for (const [op, attributes, message] of bad)
      expect(() => runOp(op, [x], attributes), String(message)).toThrow(message);
  });
});
