/**
 * The one seam between the operations and what carries them out: the engine, at once (a tensor is eager), or a tracer that
 * records (a tensor is symbolic). Every function of `ops` and every method of Tensor ends here.
 */
import { ArgumentError, DisposedError, InternalError, TraceError } from '@fusor/errors';
import type { TensorHandle } from './addon/addon.ts';
import { Encoder, GEOMETRY, GEOMETRY_STRIDE } from './addon/encoding.ts';
import { addon, block, schemas } from './addon/environment.ts';
import { deviceIndex, deviceOf } from './device.ts';
import { dtypeIndex, dtypes } from './dtype.ts';
import type { Attributes, OpName, TensorSpec } from './graph.ts';
import { callPlace } from './place.ts';
import { deferredTensor, eagerTensor, handleOf, isDisposed, symbolOf, type Tensor } from './tensor.ts';
import type { Device, DType, Shape } from './types.ts';
import { elementCount } from './values.ts';

/**
 * Records operations on symbolic tensors. `compile` in @fusor/layers has one; so can any other tool that wants to see
 * what a function of tensors does.
 */
export interface Tracer {
  /** Notes one operation and gives symbolic tensors for its outputs, one for each spec. */
  record(
    op: OpName,
    inputs: readonly (Tensor | null)[],
    attributes: Attributes,
    outputs: readonly TensorSpec[],
    device: Device,
  ): readonly Tensor[];
  /**
   * A real tensor met an operation on symbolic ones: gives the symbolic tensor that stands for it. The tracer is called
   * with the same tensor each time it is met, and keeps `retain(tensor)` if it wants it to outlive the caller's `dispose`.
   */
  constant(tensor: Tensor): Tensor;
}

let activeTracer: Tracer | undefined;

/**
 * Runs `fn`, which must be synchronous, with operations on symbolic tensors going to `tracer`.
 * @throws TraceError if `fn` returns a promise.
 */
export function withTracer<T>(tracer: Tracer, fn: () => T): T {
  const outer = activeTracer;
  activeTracer = tracer;
  try {
    const result = fn();
    if (result instanceof Promise) {
      result.catch(() => undefined);
      throw new TraceError('a traced function must be synchronous, but it returned a promise');
    }
    return result;
  } finally {
    activeTracer = outer;
  }
}

/** The tracer of the `withTracer` under way. */
export function currentTracer(): Tracer | undefined {
  return activeTracer;
}

/** Throws where something cannot be recorded: `what` starts the message. */
export function refuseWhileTracing(what: string): void {
  if (activeTracer !== undefined)
    throw new TraceError(`${what} cannot be compiled: it would happen once, while tracing`);
}

// Attributes of eager operations go through the shared block.
const eager = new Encoder(block.subarray(0, GEOMETRY));

/** Carries out one operation. `device` is only looked at by operations without inputs. */
export function dispatch(
  op: OpName,
  inputs: readonly (Tensor | null)[],
  attributes: Attributes,
  device: Device = 'cpu',
): Tensor[] {
  const schema = schemas.get(op);
  if (schema === undefined) throw new InternalError(`the engine has no operation '${op}'`);
  if (isDeferring && (op === 'fill' || op === 'random')) return [deferCreation(op, attributes, device)];
  const handles: (TensorHandle | null)[] = new Array(inputs.length);
  for (let index = 0; index < inputs.length; index++) {
    const input = inputs[index]!;
    if (input === null) {
      handles[index] = null;
      continue;
    }
    const handle = handleOf(input);
    if (handle === undefined) {
      if (isDisposed(input)) throw disposedInput(op, attributes, index);
      return record(op, inputs, attributes);
    }
    handles[index] = handle;
  }
  eager.restart().attributes(schema, attributes);
  const result = addon.run(schema.id, handles, deviceIndex(device), label(op, inputs, attributes));
  if (!Array.isArray(result)) return [tensorAt(result, 0)];
  return result.map(tensorAt);
}

let isDeferring = false;

/**
 * Runs `make`, which must be synchronous, with `Tensor.zeros`, `ones`, `full` and random tensors noted down, and computed
 * when something first needs their elements. The numbers are those that they would have been at once. For first values
 * of parameters, most of which are overwritten by `load` before anyone sees them.
 */
export function deferred<T>(make: () => T): T {
  const outer = isDeferring;
  isDeferring = true;
  try {
    return make();
  } finally {
    isDeferring = outer;
  }
}

function deferCreation(op: 'fill' | 'random', attributes: Attributes, device: Device): Tensor {
  const [spec] = inferOp(op, [], attributes, device);
  const { dtype, shape } = spec!;
  const compute = (): TensorHandle => {
    const schema = schemas.get(op)!;
    eager.restart().attributes(schema, attributes);
    return addon.run(schema.id, [], deviceIndex(device), label(op, [], attributes)) as TensorHandle;
  };
  return deferredTensor(compute, dtype, shape, device);
}

/** As {@link dispatch}, for the operations with one output. */
export function dispatchOne(
  op: OpName,
  inputs: readonly (Tensor | null)[],
  attributes: Attributes,
  device?: Device,
): Tensor {
  return dispatch(op, inputs, attributes, device)[0]!;
}

/** The tensor whose geometry stands at `index` of the shared block. */
function tensorAt(handle: TensorHandle, index: number): Tensor {
  const { dtype, shape } = specAt(index);
  return eagerTensor(handle, dtype, shape, deviceOf(block[GEOMETRY + index * GEOMETRY_STRIDE + 1]!));
}

function specAt(index: number): { readonly dtype: DType; readonly shape: number[] } {
  const at = GEOMETRY + index * GEOMETRY_STRIDE;
  const rank = block[at + 2]!;
  const shape: number[] = new Array(rank);
  for (let dim = 0; dim < rank; dim++) shape[dim] = block[at + 3 + dim]!;
  return { dtype: dtypes[block[at]!]!, shape };
}

// Questions are asked one at a time, a few hundred while a network is traced.
const questions = new Encoder();

/**
 * The specs of an operation's outputs, after all checks of its arguments, without computing anything.
 * @throws ShapeError, DTypeError, ArgumentError, DeviceError as the operation itself would.
 */
export function inferOp(
  op: OpName,
  inputs: readonly (TensorSpec | null)[],
  attributes: Attributes,
  device: Device = 'cpu',
): TensorSpec[] {
  const schema = schemas.get(op);
  if (schema === undefined) throw new ArgumentError(`there is no operation '${String(op)}'`);
  const call = questions.restart();
  call.attributes(schema, attributes);
  call.push(inputs.length);
  for (const input of inputs) {
    if (input === null) {
      call.push(-1);
      continue;
    }
    call.push(dtypeIndex(input.dtype));
    call.push(deviceIndex(device));
    call.list(input.shape);
  }
  return Array.from({ length: addon.infer(schema.id, call.numbers) }, (_, index) => specAt(index));
}

function record(op: OpName, inputs: readonly (Tensor | null)[], attributes: Attributes): Tensor[] {
  const tracer = activeTracer;
  let device: Device = 'cpu';
  const symbols = inputs.map((input, index) => {
    if (input === null) return null;
    if (isDisposed(input)) throw disposedInput(op, attributes, index);
    const symbol = symbolOf(input);
    if (symbol === undefined) return input;
    if (tracer === undefined || symbol.tracer !== tracer) {
      throw new TraceError(
        `${nameOf(op, attributes)}: ${inputName(op, index)} is a symbolic tensor whose tracing has ended`,
      );
    }
    device = input.device;
    return input;
  });
  if (op === 'assign')
    throw new TraceError('assign cannot be compiled: parameters change outside of a plan only');
  const recorded = symbols.map((input) => {
    if (input === null || symbolOf(input) !== undefined) return input;
    return tracer!.constant(input);
  });
  const outputs = inferOp(op, recorded, attributes, device);
  return [...tracer!.record(op, recorded, attributes, outputs, device)];
}

function inputName(op: OpName, index: number): string {
  const names = schemas.get(op)!.inputs;
  return names[Math.min(index, names.length - 1)] ?? `input ${index}`;
}

function disposedInput(op: OpName, attributes: Attributes, index: number): DisposedError {
  return new DisposedError(`${nameOf(op, attributes)}: ${inputName(op, index)} was used after dispose()`);
}

// What messages call an operation: `relu`, not `unary`.
function nameOf(op: OpName, attributes: Attributes): string {
  return typeof attributes.function === 'string' ? attributes.function : op;
}

// What a failure during execution is told under: with the place of the call, where that is worth its price.
function label(op: OpName, inputs: readonly (Tensor | null)[], attributes: Attributes): string {
  const name = nameOf(op, attributes);
  if (!isWorthAPlace(op, inputs, attributes)) return name;
  const place = callPlace(dispatch);
  return place === undefined ? name : `${name} (called at ${place})`;
}

// Walking the stack takes about 3 us, as long as an operation on this many elements takes to compute. What is smaller
// does not run out of memory; apart from that, only indices out of range fail so late.
const ELEMENTS_WORTH_A_PLACE = 16_384;

function isWorthAPlace(op: OpName, inputs: readonly (Tensor | null)[], attributes: Attributes): boolean {
  switch (op) {
    case 'gather':
    case 'indexSelect':
    case 'pad':
      return true;
    case 'fill':
    case 'random':
      return elementCount(attributes.shape as Shape) >= ELEMENTS_WORTH_A_PLACE;
    case 'arange':
      return (attributes.count as number) >= ELEMENTS_WORTH_A_PLACE;
    default:
      return inputs.some((input) => input !== null && elementCount(input.shape) >= ELEMENTS_WORTH_A_PLACE);
  }
}
