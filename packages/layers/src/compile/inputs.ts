import { ArgumentError, DeviceError, DisposedError, DTypeError, ShapeError } from '@fusor/errors';
import { type Device, type DType, Tensor } from '@fusor/native';
import { show } from '../arguments.ts';
import { isPlainRecord } from '../graph/structure.ts';
import { concreteShape, type InputShape, type Signature, type SignatureInput } from '../trace/signature.ts';

/** One input of a run: a tensor on the plan's device, or the elements of one in order. */
export type RunInput = Tensor | NodeJS.TypedArray;

/** The inputs of a run as `forward` takes them: one, a list, or a record. */
export type RunInputs = RunInput | readonly RunInput[] | { readonly [name: string]: RunInput };

const ARRAYS: Readonly<Record<DType, readonly string[]>> = {
  f32: ['Float32Array'],
  f16: ['Uint16Array', 'Float16Array'],
  bf16: ['Uint16Array'],
  i32: ['Int32Array'],
  i64: ['BigInt64Array'],
  u8: ['Uint8Array', 'Uint8ClampedArray'],
};

/**
 * The inputs of a run in the order of the signature, checked as far as the batch is not needed.
 * @throws {ArgumentError} when there are too many, too few, or things that are no tensors
 */
export function readInputs(signature: Signature, inputs: RunInputs): RunInput[] {
  const { kind, inputs: expected } = signature;
  if (kind === 'record') {
    if (!isPlainRecord(inputs)) {
      const names = expected.map((input) => input.name).join(', ');
      throw new ArgumentError(`run: the network takes a record { ${names} }, got ${describe(inputs)}`);
    }
    for (const name of Object.keys(inputs)) {
      if (!expected.some((input) => input.name === name)) {
        throw new ArgumentError(
          `run: the network has no input ${name} (it has: ${expected.map((input) => input.name).join(', ')})`,
        );
      }
    }
    return expected.map((input) => inputs[input.name] as RunInput);
  }
  const list: readonly unknown[] = Array.isArray(inputs) ? inputs : [inputs];
  if (list.length !== expected.length) {
    throw new ArgumentError(`run: the network takes ${expected.length} inputs, got ${list.length}`);
  }
  return list as RunInput[];
}

/**
 * The batch that inputs have, after checking that each fits its place.
 * @throws {ShapeError} for sizes, {DTypeError} for element types, {DeviceError} for tensors elsewhere, {DisposedError}
 */
export function checkInputs(signature: Signature, inputs: readonly RunInput[], device: Device): number {
  let batch: { readonly size: number; readonly name: string } | undefined;
  for (const [index, expected] of signature.inputs.entries()) {
    const size = checkInput(expected, inputs[index], device);
    if (size === undefined) continue;
    if (batch !== undefined && batch.size !== size) {
      throw new ShapeError(
        `run: inputs ${batch.name} and ${expected.name} have different batches, ${batch.size} and ${size}`,
      );
    }
    batch = { size, name: expected.name };
  }
  return batch?.size ?? 1;
}

/** Checks one input and gives the size that stands for its `'n'`, if it has one. */
function checkInput(expected: SignatureInput, input: unknown, device: Device): number | undefined {
  const { name, dtype, shape } = expected;
  if (input instanceof Tensor) {
    if (input.disposed) throw new DisposedError(`run: input ${name} was used after dispose()`);
    if (input.dtype !== dtype)
      throw new DTypeError(`run: input ${name} must be ${dtype}, got ${input.dtype}`);
    if (input.device !== device) {
      throw new DeviceError(
        `run: input ${name} is on ${input.device}, but the plan runs on ${device}; move it with to('${device}')`,
      );
    }
    return batchOfShape(expected, input.shape);
  }
  if (!ArrayBuffer.isView(input) || !ARRAYS[dtype].includes(input.constructor.name)) {
    const arrays = ARRAYS[dtype].join(' or ');
    const got = describe(input);
    if (ArrayBuffer.isView(input)) {
      throw new DTypeError(`run: input ${name} must be a Tensor or ${arrays} (${dtype}), got ${got}`);
    }
    throw new ArgumentError(`run: input ${name} must be a Tensor or ${arrays} (${dtype}), got ${got}`);
  }
  return batchOfLength(name, shape, (input as Float32Array).length);
}

function batchOfShape(
  { name, shape: expected }: SignatureInput,
  shape: readonly number[],
): number | undefined {
  const fits =
    shape.length === expected.length && expected.every((size, dim) => size === 'n' || size === shape[dim]);
  if (!fits) {
    throw new ShapeError(`run: input ${name} must be [${expected.join(', ')}], got [${shape.join(', ')}]`);
  }
  const free = expected.indexOf('n');
  return free < 0 ? undefined : shape[free];
}

function batchOfLength(name: string, shape: InputShape, length: number): number | undefined {
  const one = concreteShape(shape, 1).reduce((product, size) => product * size, 1);
  if (!shape.includes('n')) {
    if (length === one) return undefined;
    throw new ShapeError(`run: input ${name} [${shape.join(', ')}] takes ${one} elements, got ${length}`);
  }
  if (one === 0 || length % one !== 0) {
    throw new ShapeError(
      one === 0
        ? `run: the batch of input ${name} [${shape.join(', ')}] cannot be told from its elements; pass a Tensor`
        : `run: input ${name} [${shape.join(', ')}] takes a multiple of ${one} elements, got ${length}`,
    );
  }
  return length / one;
}

/** Inputs that stay as they are until the run: tensors by a reference of our own, arrays by copying them now. */
export function holdInputs(
  signature: Signature,
  inputs: readonly RunInput[],
  batch: number,
  device: Device,
  retain: (tensor: Tensor) => Tensor,
): Tensor[] {
  return inputs.map((input, index) => {
    if (input instanceof Tensor) return retain(input);
    const { dtype, shape } = signature.inputs[index]!;
    return Tensor.from(input as Float32Array, concreteShape(shape, batch), { dtype, device });
  });
}

function describe(value: unknown): string {
  if (value instanceof Tensor) return value.toString();
  if (typeof value !== 'object' || value === null) return show(value);
  return `an instance of ${value.constructor?.name ?? 'Object'}`;
}
