import { OnnxGraphBuilder } from '@fusor/bench/onnx';
import { ArgumentError } from '@fusor/errors';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';

/** Loads the bytes into onnxruntime and returns the output named `y`. */
async function runWithOnnxRuntime(
  file: Uint8Array,
  feeds: Record<string, Tensor>,
): Promise<{ dims: readonly number[]; data: unknown }> {
  const session = await InferenceSession.create(file);
  try {
    const { y } = await session.run(feeds);
    return { dims: y!.dims, data: y!.data };
  } finally {
    await session.release();
  }
}

describe('OnnxGraphBuilder', () => {
  it('writes a model that onnxruntime loads and runs, with a constant, a free size and two nodes', async () => {
    const builder = new OnnxGraphBuilder();
    builder.addInput('x', 'f32', ['n', 3]);
    builder.addInitializer('w', 'f32', [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
    builder.addNode('MatMul', ['x', 'w'], ['product']);
    builder.addNode('Relu', ['product'], ['y']);
    builder.addOutput('y', 'f32', ['n', 2]);
    const result = await runWithOnnxRuntime(builder.finish(), {
      x: new Tensor('float32', Float32Array.of(1, 1, 1, -1, 0, 0), [2, 3]),
    });
    expect(result.dims).toEqual([2, 2]);
    expect([...(result.data as Float32Array)]).toEqual([9, 12, 0, 0]);
  });

  it('writes every kind of attribute: int, ints, float, string', async () => {
    const builder = new OnnxGraphBuilder();
    builder.addInput('x', 'f32', [1, 1, 3, 3]);
    builder.addInitializer('w', 'f32', [1, 1, 3, 3], Float32Array.of(0, 0, 0, 0, 1, 0, 0, 0, 1));
    builder.addNode('Conv', ['x', 'w'], ['conv'], {
      pads: { ints: [1, 1, 1, 1] },
      strides: { ints: [2, 2] },
      group: { int: 1 },
      auto_pad: { string: 'NOTSET' },
    });
    builder.addNode('LeakyRelu', ['conv'], ['leaky'], { alpha: { float: 0.5 } });
    builder.addNode('Flatten', ['leaky'], ['y'], { axis: { int: -1 } });
    builder.addOutput('y', 'f32', [2, 2]);
    const result = await runWithOnnxRuntime(builder.finish(), {
      x: new Tensor('float32', Float32Array.of(1, 2, -3, 4, 5, 6, -7, 8, -9), [1, 1, 3, 3]),
    });
    expect(result.dims).toEqual([2, 2]);
    expect([...(result.data as Float32Array)]).toEqual([6, -1.5, -3.5, -4.5]);
  });

  it('writes a list of floats, which the file gives back', async () => {
    const builder = new OnnxGraphBuilder();
    builder.addNode('Constant', [], ['y'], { value_floats: { floats: [1.5, -2, 0.25] } });
    builder.addOutput('y', 'f32', [3]);
    const result = await runWithOnnxRuntime(builder.finish(), {});
    expect([...(result.data as Float32Array)]).toEqual([1.5, -2, 0.25]);
  });

  it('leaves the shape of an output to the reader where none is given', async () => {
    const builder = new OnnxGraphBuilder();
    builder.addInput('x', 'f32', [2, 3]);
    builder.addNode('Transpose', ['x'], ['y'], { perm: { ints: [1, 0] } });
    builder.addOutput('y', 'f32');
    const x = new Tensor('float32', Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    const result = await runWithOnnxRuntime(builder.finish(), { x });
    expect(result.dims).toEqual([3, 2]);
  });

  it('keeps 64-bit constants exact, negative ones included', async () => {
    const builder = new OnnxGraphBuilder();
    const values = BigInt64Array.of(-1n, 2n ** 62n, -(2n ** 63n), 0n);
    builder.addInitializer('c', 'i64', [4], values);
    builder.addNode('Identity', ['c'], ['y']);
    builder.addOutput('y', 'i64', [4]);
    const result = await runWithOnnxRuntime(builder.finish(), {});
    expect(result.data).toEqual(values);
  });

  it('writes scalars (rank 0) and sizes of zero', async () => {
    const builder = new OnnxGraphBuilder();
    builder.addInput('x', 'f32', [0, 3]);
    builder.addInitializer('one', 'f32', [], Float32Array.of(1));
    builder.addNode('Add', ['x', 'one'], ['y']);
    builder.addOutput('y', 'f32', [0, 3]);
    const result = await runWithOnnxRuntime(builder.finish(), {
      x: new Tensor('float32', new Float32Array(0), [0, 3]),
    });
    expect(result.dims).toEqual([0, 3]);
  });

  it('reads a constant from the middle of a buffer', async () => {
    const buffer = Float32Array.of(9, 9, 1, 2, 9);
    const builder = new OnnxGraphBuilder();
    builder.addInitializer('c', 'f32', [2], buffer.subarray(2, 4));
    builder.addNode('Identity', ['c'], ['y']);
    builder.addOutput('y', 'f32', [2]);
    const result = await runWithOnnxRuntime(builder.finish(), {});
    expect([...(result.data as Float32Array)]).toEqual([1, 2]);
  });

  it('refuses a node that reads a value nothing defines, naming both', () => {
    const builder = new OnnxGraphBuilder();
    builder.addInput('x', 'f32', [1]);
    expect(() => builder.addNode('Add', ['x', 'z'], ['y'])).toThrow(
      new ArgumentError("onnx: Add node reads 'z', which nothing before it defines"),
    );
    expect(() => builder.addOutput('q', 'f32', [1])).toThrow(/output reads 'q'/);
  });

  it('refuses a second definition of a name', () => {
    const builder = new OnnxGraphBuilder();
    builder.addInput('x', 'f32', [1]);
    expect(() => builder.addNode('Relu', ['x'], ['x'])).toThrow(
      /Relu node defines 'x', which already exists/,
    );
    expect(() => builder.addInput('', 'f32', [1])).toThrow(/input needs a name/);
  });

  it('refuses a constant whose data does not fit its shape', () => {
    const builder = new OnnxGraphBuilder();
    expect(() => builder.addInitializer('w', 'f32', [2, 3], new Float32Array(5))).toThrow(
      "onnx: initializer 'w' f32 [2, 3] needs 24 bytes but data has 20",
    );
  });

  it('refuses weights of 2 GiB and more before anything is copied', () => {
    const builder = new OnnxGraphBuilder();
    // Never touched, so the pages are never made: the test costs address space only.
    const halfGiB = new Uint8Array(2 ** 29);
    for (const name of ['a', 'b', 'c']) builder.addInitializer(name, 'u8', [2 ** 29], halfGiB);
    expect(() => builder.addInitializer('d', 'u8', [2 ** 29], halfGiB)).toThrow(
      /one ONNX file holds less than 2 GiB/,
    );
  });

  it('writes newer operator sets: Gelu of set 20, RMSNormalization of set 23', async () => {
    const gelu = new OnnxGraphBuilder({ opset: 20 });
    gelu.addInput('x', 'f32', [2]);
    gelu.addNode('Gelu', ['x'], ['y']);
    gelu.addOutput('y', 'f32', [2]);
    const x = new Tensor('float32', Float32Array.of(0, 1), [2]);
    const { data } = await runWithOnnxRuntime(gelu.finish(), { x });
    expect((data as Float32Array)[1]).toBeCloseTo(0.8413447, 6);

    const rms = new OnnxGraphBuilder({ opset: 23 });
    rms.addInput('x', 'f32', [2]);
    rms.addInitializer('scale', 'f32', [2], Float32Array.of(1, 1));
    rms.addNode('RMSNormalization', ['x', 'scale'], ['y']);
    rms.addOutput('y', 'f32', [2]);
    const normalized = await runWithOnnxRuntime(rms.finish(), { x });
    expect((normalized.data as Float32Array)[1]).toBeCloseTo(Math.SQRT2, 4);
  });

  it('refuses operator sets that it does not know to write', () => {
    expect(() => new OnnxGraphBuilder({ opset: 13 })).toThrow('onnx: opset is 13; operator sets from 17 on');
  });

  it('refuses a graph without outputs', () => {
    expect(() => new OnnxGraphBuilder().finish()).toThrow('onnx: the graph has no output');
  });
});
