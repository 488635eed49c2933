import { ArgumentError } from '@fusor/errors';
import type { DType, Shape } from '@fusor/native';
import { show } from '../arguments.ts';
import { isPlainRecord } from '../graph/structure.ts';

/** Sizes of an input; one of them may be `'n'`, the free batch. */
export type InputShape = readonly (number | 'n')[];

/** One input: its shape, with the dtype where it is not f32. */
export type InputSpec = InputShape | { readonly shape: InputShape; readonly dtype?: DType };

/**
 * What `forward` is called with: one input, a list of them for `forward(x, y)`, or a record for `forward({ x, y })`.
 */
export type InputOption = InputSpec | readonly InputSpec[] | { readonly [name: string]: InputSpec };

/** One input as it was asked for. */
export interface SignatureInput {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: InputShape;
}

/** The inputs of a network. */
export interface Signature {
  readonly kind: 'list' | 'record';
  readonly inputs: readonly SignatureInput[];
  /** Whether there is an `'n'` in a shape. */
  readonly free: boolean;
}

const DTYPES: ReadonlySet<unknown> = new Set<DType>(['f32', 'f16', 'bf16', 'i32', 'i64', 'u8']);

/**
 * Reads the `input` option.
 * @throws {ArgumentError} naming what is wrong with it
 */
export function readSignature(operation: string, option: InputOption): Signature {
  const inputs: SignatureInput[] = [];
  let kind: Signature['kind'] = 'list';
  if (isShape(option) || isSpec(option)) {
    inputs.push(readInput(operation, 'x', 'input', option));
  } else if (Array.isArray(option)) {
    const list = option as readonly InputSpec[];
    list.forEach((spec, index) => {
      inputs.push(readInput(operation, list.length === 1 ? 'x' : `x${index}`, `input[${index}]`, spec));
    });
  } else if (isPlainRecord(option)) {
    kind = 'record';
    for (const [name, spec] of Object.entries(option)) {
      inputs.push(readInput(operation, name, `input.${name}`, spec as InputSpec));
    }
  } else {
    throw new ArgumentError(
      `${operation}: input must be a shape such as [1, 3, 224, 224], a list or a record of shapes, got ${show(option)}`,
    );
  }
  if (inputs.length === 0) throw new ArgumentError(`${operation}: input names no inputs`);
  return { kind, inputs, free: inputs.some((input) => input.shape.includes('n')) };
}

/** A list of sizes, rather than a list of inputs. `[]` is the shape of a scalar. */
function isShape(option: unknown): option is InputShape {
  return (
    Array.isArray(option) && option.every((size) => typeof size === 'number' || typeof size === 'string')
  );
}

/** `{ shape, dtype }`, rather than a record of inputs: its shape is a list of sizes. */
function isSpec(option: unknown): option is { shape: InputShape; dtype?: DType } {
  return (
    isPlainRecord(option) &&
    isShape(option.shape) &&
    Object.keys(option).every((key) => key === 'shape' || key === 'dtype') &&
    (option.dtype === undefined || typeof option.dtype === 'string')
  );
}

function readInput(operation: string, name: string, where: string, spec: InputSpec): SignatureInput {
  if (!isShape(spec) && !isSpec(spec)) {
    throw new ArgumentError(`${operation}: ${where} must be a shape or { shape, dtype }, got ${show(spec)}`);
  }
  const { shape, dtype = 'f32' } = isShape(spec) ? { shape: spec } : spec;
  for (const size of shape) {
    if (size === 'n' || (Number.isSafeInteger(size) && Number(size) >= 0)) continue;
    throw new ArgumentError(
      `${operation}: ${where} has a size ${show(size)}; sizes are non-negative integers or 'n'`,
    );
  }
  if (shape.indexOf('n') !== shape.lastIndexOf('n')) {
    throw new ArgumentError(`${operation}: ${where} has 'n' twice; one size of a shape may be free`);
  }
  if (!DTYPES.has(dtype))
    throw new ArgumentError(`${operation}: ${where} has an unknown dtype ${show(dtype)}`);
  return { name, dtype, shape: [...shape] };
}

/** A shape with the free batch set. */
export function concreteShape(shape: InputShape, batch: number): Shape {
  return shape.map((size) => (size === 'n' ? batch : size));
}
