import { OnnxGraphBuilder } from '@fusor/bench/onnx';
import { scope, Tensor } from '@fusor/native';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect } from 'vitest';

/** A tensor in JavaScript's memory. */
export type HostTensor = { readonly shape: readonly number[] } & (
  | { readonly dtype: 'f32'; readonly data: Float32Array }
  | { readonly dtype: 'i64'; readonly data: BigInt64Array }
  | { readonly dtype: 'i32'; readonly data: Int32Array }
  | { readonly dtype: 'u8'; readonly data: Uint8Array }
);

const ortTypes = { f32: 'float32', i64: 'int64', i32: 'int32', u8: 'uint8' } as const;

/** A computation in both worlds: with the ops of Fusor, and as nodes of an ONNX graph. */
export interface Twin<Names extends string> {
  readonly inputs: Readonly<Record<Names, HostTensor>>;
  fusor(inputs: Readonly<Record<Names, Tensor>>): Tensor | readonly Tensor[];
  /** Adds nodes that read the inputs by their names, and returns the names of the outputs. */
  onnx(builder: OnnxGraphBuilder): string | readonly string[];
  /** Greatest error allowed, relative to the greatest magnitude of an output (at least 1/32). Default 1e-5. */
  readonly tolerance?: number;
  /** Operator set of the ONNX graph. Default 17. */
  readonly opset?: number;
}

/** Runs both and compares shapes, element types and every element of every output. */
export async function expectSame<Names extends string>(twin: Twin<Names>): Promise<void> {
  const own = await runFusor(twin);
  const other = await runOnnxRuntime(
    twin,
    own.map((output) => output.dtype),
  );
  for (const [index, output] of own.entries()) compare(output, other[index]!, twin.tolerance ?? 1e-5);
}

interface Output {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

async function runFusor<Names extends string>({ inputs, fusor }: Twin<Names>): Promise<Output[]> {
  return scope(async () => {
    const uploaded = Object.entries<HostTensor>(inputs).map(([name, { data, shape, dtype }]) => [
      name,
      Tensor.from(data, shape, { dtype }),
    ]);
    const result = fusor(Object.fromEntries(uploaded) as Record<Names, Tensor>);
    const outputs: readonly Tensor[] = result instanceof Tensor ? [result] : result;
    return Promise.all(
      outputs.map(async (output) => ({
        dtype: output.dtype,
        shape: output.shape,
        data: Float64Array.from((await output.data()) as ArrayLike<number | bigint>, Number),
      })),
    );
  });
}

async function runOnnxRuntime<Names extends string>(
  { inputs, onnx, opset }: Twin<Names>,
  dtypes: readonly string[],
): Promise<Output[]> {
  const builder = new OnnxGraphBuilder(opset === undefined ? {} : { opset });
  const feeds: Record<string, OrtTensor> = {};
  for (const [name, { data, shape, dtype }] of Object.entries<HostTensor>(inputs)) {
    builder.addInput(name, dtype, shape);
    feeds[name] = new OrtTensor(ortTypes[dtype], data, shape);
  }
  const result = onnx(builder);
  const names = (typeof result === 'string' ? [result] : result).map((name, index) => {
    if (dtypes[index] !== 'u8') return name;
    // Truth values are bool there and u8 here.
    builder.addNode('Cast', [name], [`${name}.u8`], { to: { int: 2 } });
    return `${name}.u8`;
  });
  for (const [index, name] of names.entries()) builder.addOutput(name, dtypes[index] as HostTensor['dtype']);
  const session = await InferenceSession.create(builder.finish(), {
    intraOpNumThreads: 1,
    // It warns where its own guess of a pooling's output size in ceil mode was wrong.
    logSeverityLevel: 3,
  });
  try {
    const outputs = await session.run(feeds);
    return names.map((name) => {
      const { type, dims, data } = outputs[name]!;
      return {
        dtype: type,
        shape: dims,
        data: Float64Array.from(data as ArrayLike<number | bigint>, Number),
      };
    });
  } finally {
    await session.release();
  }
}

function compare(own: Output, other: Output, tolerance: number): void {
  expect(own.shape).toEqual(other.shape);
  expect(ortTypes[own.dtype as HostTensor['dtype']]).toBe(other.dtype);
  const greatest = other.data.reduce((max, x) => (Number.isFinite(x) ? Math.max(max, Math.abs(x)) : max), 0);
  // Functions such as GELU pass through numbers near 1 on their way to small ones, in onnxruntime too.
  const scale = Math.max(greatest, 1 / 32);
  const allowed = own.dtype === 'f32' ? tolerance * scale : 0;
  for (const [index, expected] of other.data.entries()) {
    const actual = own.data[index]!;
    // Infinities and NaN must be met exactly; so must integers.
    const agrees = Number.isFinite(expected)
      ? Math.abs(actual - expected) <= allowed
      : Object.is(actual, expected);
    if (!agrees) {
      expect.fail(
        `element ${index} is ${actual}, onnxruntime says ${expected} (within ${allowed.toExponential(1)})`,
      );
    }
  }
}
