import { inspect } from 'node:util';
import { ArgumentError, DisposedError, OutOfMemoryError, ShapeError, TraceError } from '@fusor/errors';
import type { TensorHandle } from './addon/addon.ts';
import { addon, quiet, startJob } from './addon/environment.ts';
import { checkNumber, checkOptions, checkShape, checkTensor, show, showShape, wrongType } from './check.ts';
import { deviceIndex, resolveDevice } from './device.ts';
import { dispatch, dispatchOne, refuseWhileTracing, type Tracer } from './dispatch.ts';
import { allocateTypedArray, checkDType, dtypeIndex, isDType } from './dtype.ts';
import type { Attributes } from './graph.ts';
import { takeRandom } from './random.ts';
import { currentScope, withTemporaries } from './scope.ts';
import { TensorMethods } from './tensor-methods.ts';
import type {
  CreationOptions,
  Device,
  DeviceOption,
  DType,
  NestedArray,
  Shape,
  TensorData,
  TypedArrayInput,
  TypedArrays,
} from './types.ts';
import { elementCount, elementsOf, holds } from './values.ts';

/** What stands behind a tensor while it is traced: the tracer and the number it gave the value. */
export interface TensorSymbol {
  readonly tracer: Tracer;
  readonly value: number;
}

/** What stands behind a tensor that is computed when it is first needed: see {@link deferred}. */
interface DeferredTensor {
  readonly compute: () => TensorHandle;
}

// What the rest of the package may do with a tensor's inside: set by the class.

/** A tensor of the engine. `shape` is taken over. */
export let eagerTensor: (handle: TensorHandle, dtype: DType, shape: number[], device: Device) => Tensor;
/** A tensor that stands for a value while a network is traced. `value` is the tracer's own number for it. */
export let symbolicTensor: (
  tracer: Tracer,
  spec: { readonly dtype: DType; readonly shape: Shape; readonly device?: Device | undefined },
  value: number,
) => Tensor;
/** A tensor that `compute` makes when it is first needed, if it ever is. */
export let deferredTensor: (
  compute: () => TensorHandle,
  dtype: DType,
  shape: readonly number[],
  device: Device,
) => Tensor;
/**
 * Gives `target` the elements of `source`, of the same shape, dtype and device, and disposes `source`: as `assign` and
 * `dispose`, without the copy where nothing has used the elements that `target` would have had.
 */
export let moveInto: (target: Tensor, source: Tensor) => void;
/** The engine's tensor; undefined for a symbolic or disposed one. */
export let handleOf: (tensor: Tensor) => TensorHandle | undefined;
/** The tracer and its number for a symbolic tensor; undefined for a real or disposed one. */
export let symbolOf: (tensor: Tensor) => TensorSymbol | undefined;
export let isDisposed: (tensor: Tensor) => boolean;
export let isTensor: (value: unknown) => value is Tensor;

/**
 * A value: numbers of one dtype in a shape, on a device. Operations never change their inputs; they return at once and
 * are computed in order on the device's own thread, so `await data()` is the only place that waits. See `ops` for what
 * every operation computes; the methods mirror them.
 *
 * A tensor's memory is freed by `dispose()`, by `using`, by the `scope` it was made in, or by the collector.
 */
export class Tensor extends TensorMethods {
  /** Sizes, outermost first; also after `dispose()`. */
  readonly shape: Shape;
  readonly dtype: DType;
  readonly device: Device;
  #state: TensorState;

  static {
    eagerTensor = (handle, dtype, shape, device) => new Tensor(handle, dtype, shape, device);
    symbolicTensor = (tracer, spec, value) =>
      new Tensor({ tracer, value }, spec.dtype, [...spec.shape], spec.device ?? 'cpu');
    deferredTensor = (compute, dtype, shape, device) => new Tensor({ compute }, dtype, [...shape], device);
    moveInto = (target, source) => {
      if (isDeferred(target.#state) && source.dtype === target.dtype && source.device === target.device) {
        target.#state = handleOf(source);
        source.#state = undefined;
        currentScope()?.tensors.delete(source);
      } else {
        target.assign(source);
        source.dispose();
      }
    };
    handleOf = (tensor) => {
      const state = tensor.#state;
      if (isSymbol(state)) return undefined;
      if (!isDeferred(state)) return state;
      const handle = state.compute();
      tensor.#state = handle;
      return handle;
    };
    symbolOf = (tensor) => (isSymbol(tensor.#state) ? tensor.#state : undefined);
    isDisposed = (tensor) => tensor.#state === undefined;
    isTensor = (value): value is Tensor => typeof value === 'object' && value !== null && #state in value;
    // What console.log shows.
    Object.defineProperty(Tensor.prototype, inspect.custom, {
      value(this: Tensor): string {
        return this.toString();
      },
    });
  }

  private constructor(
    state: TensorHandle | TensorSymbol | DeferredTensor,
    dtype: DType,
    shape: number[],
    device: Device,
  ) {
    super();
    this.#state = state;
    this.dtype = dtype;
    this.shape = Object.freeze(shape);
    this.device = device;
    currentScope()?.tensors.add(this);
  }

  // ---- making tensors ---------------------------------------------------------------------------------------------

  /**
   * A tensor with a copy of the given elements.
   *
   * Without `dtype`: Float32Array and Float64Array give f32, Int32Array i32, BigInt64Array i64, Uint8Array u8; in nested
   * arrays numbers give f32, bigints i64, booleans u8. A Uint16Array holds the bits of `dtype: 'f16'` or `'bf16'`. Any other
   * pairing is converted: floats round to nearest even; integers must fit exactly when they come as JavaScript numbers.
   *
   * ```ts
   * Tensor.from([[1, 2], [3, 4]]);                                          // f32 [2, 2]
   * Tensor.from(pixels, [1, 3, 224, 224]);                                  // a Float32Array
   * Tensor.from([0, 2, 1], undefined, { dtype: 'i64' });
   * ```
   * @param shape of the result; default: of the nested arrays, or one dimension
   * @throws ShapeError if the elements do not fill the shape; ArgumentError for values that are not numbers or do not fit.
   */
  static from(data: TypedArrayInput | NestedArray, shape?: Shape, options: CreationOptions = {}): Tensor {
    checkOptions('Tensor.from', options, creationOptions);
    const dtype = options.dtype === undefined ? undefined : checkDType('Tensor.from', 'dtype', options.dtype);
    const device = resolveDevice('Tensor.from', options.device);
    const elements = elementsOf(data, shape ?? undefined, dtype);
    const made = upload(elements.data, elements.dtype, elements.shape, device);
    if (dtype === undefined || dtype === elements.dtype) return made;
    return withTemporaries(() => {
      currentScope()?.tensors.add(made);
      return dispatchOne('convert', [made], { dtype });
    });
  }

  /** A tensor full of 0. */
  static zeros(shape: Shape, options: CreationOptions = {}): Tensor {
    return fill('Tensor.zeros', shape, 0, options);
  }

  /** A tensor full of 1. */
  static ones(shape: Shape, options: CreationOptions = {}): Tensor {
    return fill('Tensor.ones', shape, 1, options);
  }

  /** A tensor full of one value. https://docs.pytorch.org/docs/stable/generated/torch.full.html */
  static full(shape: Shape, value: number, options: CreationOptions = {}): Tensor {
    if (typeof value !== 'number') throw wrongType('Tensor.full', 'value', 'a number', value);
    return fill('Tensor.full', shape, value, options);
  }

  /**
   * `[start, start + step, ...]` as long as it is below `end` (above, for a negative step). With one number: from 0 to it.
   * The dtype is f32 unless told otherwise, since JavaScript does not tell 1 from 1.0.
   * https://docs.pytorch.org/docs/stable/generated/torch.arange.html
   */
  static arange(startOrEnd: number, end?: number, step = 1, options: CreationOptions = {}): Tensor {
    const operation = 'Tensor.arange';
    const first = end === undefined ? 0 : checkNumber(operation, 'start', startOrEnd);
    const last = checkNumber(operation, 'end', end ?? startOrEnd);
    checkNumber(operation, 'step', step);
    const { dtype, device } = creation(operation, options);
    const count = Math.max(0, Math.ceil((last - first) / step));
    if (step === 0 || !Number.isSafeInteger(count)) {
      throw new ArgumentError(
        `${operation}: from ${first} to ${last} in steps of ${step} is no finite sequence`,
      );
    }
    return make('arange', { count, start: first, step }, dtype, device);
  }

  /**
   * Uniform random numbers, `low <= x < high` (default 0 and 1), from the generator of `manualSeed`.
   * https://docs.pytorch.org/docs/stable/generated/torch.rand.html
   */
  static rand(
    shape: Shape,
    options: CreationOptions & { readonly low?: number; readonly high?: number } = {},
  ): Tensor {
    const { low = 0, high = 1, ...rest } = options;
    return random('Tensor.rand', shape, 'uniform', low, high, rest);
  }

  /**
   * Normal random numbers of the given mean and standard deviation (default 0 and 1).
   * https://docs.pytorch.org/docs/stable/generated/torch.randn.html
   */
  static randn(
    shape: Shape,
    options: CreationOptions & { readonly mean?: number; readonly deviation?: number } = {},
  ): Tensor {
    const { mean = 0, deviation = 1, ...rest } = options;
    return random('Tensor.randn', shape, 'normal', mean, deviation, rest);
  }

  /**
   * 1 with the given probability, else 0: the mask of a dropout.
   * https://docs.pytorch.org/docs/stable/generated/torch.bernoulli.html
   */
  static bernoulli(shape: Shape, probability: number, options: CreationOptions = {}): Tensor {
    const p = checkNumber('Tensor.bernoulli', 'probability', probability);
    if (p < 0 || p > 1)
      throw new ArgumentError(`Tensor.bernoulli: probability must be from 0 to 1, got ${p}`);
    return random('Tensor.bernoulli', shape, 'bernoulli', 0, p, options);
  }

  // ---- looking at tensors -----------------------------------------------------------------------------------------

  /** The number of dimensions. */
  get rank(): number {
    return this.shape.length;
  }

  /** The number of elements. */
  get size(): number {
    return elementCount(this.shape);
  }

  /** Whether `dispose()` was called. */
  get disposed(): boolean {
    return this.#state === undefined;
  }

  /** Elements from one index to the next along each dimension. Views (slices, permutations) differ from contiguous. */
  get strides(): readonly number[] {
    return addon.strides(this.#handle('strides'));
  }

  /**
   * Waits until the tensor is computed and gives its elements in logical order, in a typed array of the caller's own:
   * see {@link TypedArrays}. With a dtype the elements are converted to it first.
   * @throws (rejects) the error of the operation that failed, if one did on the way to this tensor.
   */
  data(): Promise<TensorData>;
  data<D extends DType>(dtype: D): Promise<TypedArrays[D]>;
  data(dtype?: DType): Promise<TensorData> {
    const handle = this.#handle('data');
    if (dtype === undefined || dtype === this.dtype) return read(handle, this.dtype, this.shape);
    const converted = this.to(checkDType('data', 'dtype', dtype));
    try {
      return read(handleOf(converted)!, dtype, this.shape);
    } finally {
      converted.dispose();
    }
  }

  /**
   * As {@link data}, into a typed array of the right kind and length that is at hand.
   * @throws ArgumentError if it is not; also (rejects) if it was transferred away meanwhile.
   */
  readInto(target: NodeJS.TypedArray): Promise<void> {
    const handle = this.#handle('readInto');
    if (!ArrayBuffer.isView(target) || !holds(this.dtype, target)) {
      throw wrongType('readInto', 'target', `a typed array for ${this.dtype}`, target);
    }
    if (target.length !== this.size) {
      throw new ShapeError(
        `readInto: target has ${target.length} elements, shape ${showShape(this.shape)} ${this.size}`,
      );
    }
    // Node-API knows no Float16Array.
    const bits =
      this.dtype === 'f16' ? new Uint16Array(target.buffer, target.byteOffset, target.length) : target;
    return quiet(startJob((job) => addon.read(handle, bits, true, job)).then(() => undefined));
  }

  /** The only element, as a number. @throws ShapeError if there are more or none. */
  item(): Promise<number> {
    this.#handle('item');
    if (this.size !== 1) {
      throw new ShapeError(
        `item: a tensor of shape ${showShape(this.shape)} has ${this.size} elements, not one`,
      );
    }
    const values: Promise<TensorData> =
      this.dtype === 'f16' || this.dtype === 'bf16' ? this.data('f32') : this.data();
    return quiet(values.then((data) => Number(data[0])));
  }

  /** `Tensor(f32 [2, 3] on cpu)`: the elements are only to be had asynchronously. */
  override toString(): string {
    const state = this.disposed ? ', disposed' : isSymbol(this.#state) ? ', symbolic' : '';
    return `Tensor(${this.dtype} ${showShape(this.shape)} on ${this.device}${state})`;
  }

  // ---- moving, changing, freeing ----------------------------------------------------------------------------------

  /**
   * The tensor on another device, or converted to another dtype (floats to integers truncate and saturate, NaN gives 0).
   * The result is a tensor of its own to dispose, also where nothing needs to be done (it then shares the memory).
   */
  to(target: DeviceOption | DType): Tensor {
    if (isDType(target)) {
      if (target !== this.dtype) return dispatchOne('convert', [this], { dtype: target });
    } else {
      const device = resolveDevice('to', target);
      if (device !== this.device) {
        const handle = addon.toDevice(this.#handle('to'), deviceIndex(device));
        return eagerTensor(handle, this.dtype, [...this.shape], device);
      }
    }
    return retain(this);
  }

  /**
   * Overwrites this tensor's elements with those of another of the same shape (converted to this dtype). The only way to
   * change a tensor: for parameters and running statistics. Views of this tensor change too; compiled plans do not.
   * @returns this
   */
  assign(source: Tensor): this {
    checkTensor('assign', 'source', source);
    refuseWhileTracing('assign');
    if (source.dtype === this.dtype) {
      dispatch('assign', [this, source], {});
    } else {
      const converted = source.to(this.dtype);
      try {
        dispatch('assign', [this, converted], {});
      } finally {
        converted.dispose();
      }
    }
    return this;
  }

  /**
   * Frees the memory as soon as the work that was queued with it is done (and no other tensor shares it). Safe right after
   * a call that uses the tensor, and more than once.
   */
  dispose(): void {
    const state = this.#state;
    if (state === undefined) return;
    this.#state = undefined;
    if (!isSymbol(state) && !isDeferred(state)) addon.release(state);
    currentScope()?.tensors.delete(this);
  }

  /** `using x = ...` disposes `x` at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The engine's tensor, for what needs numbers and not a graph. */
  #handle(operation: string): TensorHandle {
    const state = this.#state;
    if (state === undefined) throw new DisposedError(`${operation}: the tensor was used after dispose()`);
    if (isSymbol(state)) {
      throw new TraceError(
        `${operation}: a tensor's elements are not known while a network is compiled; only its shape and dtype are`,
      );
    }
    return handleOf(this)!;
  }
}

/** A second Tensor for the same value, disposed on its own. */
export function retain(tensor: Tensor): Tensor {
  const { dtype, shape, device } = tensor;
  const symbol = symbolOf(tensor);
  if (symbol !== undefined) return symbolicTensor(symbol.tracer, { dtype, shape, device }, symbol.value);
  const handle = handleOf(tensor);
  if (handle === undefined) throw new DisposedError('the tensor was used after dispose()');
  return eagerTensor(addon.retain(handle), dtype, [...shape], device);
}

type TensorState = TensorHandle | TensorSymbol | DeferredTensor | undefined;

function isSymbol(state: TensorState): state is TensorSymbol {
  return state !== undefined && 'tracer' in state;
}

function isDeferred(state: TensorState): state is DeferredTensor {
  return state !== undefined && 'compute' in state;
}

/** Copies elements that lie in memory to a device. */
export function upload(data: NodeJS.TypedArray, dtype: DType, shape: Shape, device: Device): Tensor {
  const handle = addon.create(deviceIndex(device), dtypeIndex(dtype), shape, data);
  return eagerTensor(handle, dtype, [...shape], device);
}

function read(handle: TensorHandle, dtype: DType, shape: Shape): Promise<TensorData> {
  let data: TensorData;
  try {
    data = allocateTypedArray(dtype, elementCount(shape));
  } catch (error) {
    throw new OutOfMemoryError(
      `data: JavaScript has no room for a ${dtype} array of shape ${showShape(shape)}`,
      {
        cause: error,
      },
    );
  }
  return quiet(startJob((job) => addon.read(handle, data, false, job)).then(() => data));
}

const creationOptions = ['dtype', 'device'];

function creation(operation: string, options: CreationOptions): { dtype: DType; device: Device } {
  checkOptions(operation, options, creationOptions);
  return {
    dtype: checkDType(operation, 'dtype', options.dtype ?? 'f32'),
    device: resolveDevice(operation, options.device),
  };
}

function fill(operation: string, shape: Shape, value: number, options: CreationOptions): Tensor {
  const sizes = checkShape(operation, 'shape', shape);
  const { dtype, device } = creation(operation, options);
  return make('fill', { shape: sizes, value }, dtype, device);
}

/** Elements made from attributes. 16-bit floats are made as f32, which every device can, and rounded. */
function make(op: 'fill' | 'arange', attributes: Attributes, dtype: DType, device: Device): Tensor {
  if (dtype !== 'f16' && dtype !== 'bf16') return dispatchOne(op, [], { ...attributes, dtype }, device);
  return withTemporaries(() => {
    const wide = dispatchOne(op, [], { ...attributes, dtype: 'f32' }, device);
    return dispatchOne('convert', [wide], { dtype });
  });
}

function random(
  operation: string,
  shape: Shape,
  distribution: 'uniform' | 'normal' | 'bernoulli',
  low: number,
  high: number,
  options: CreationOptions,
): Tensor {
  const sizes = checkShape(operation, 'shape', shape);
  const { dtype, device } = creation(operation, options);
  for (const value of [low, high]) {
    if (!Number.isFinite(value))
      throw new ArgumentError(`${operation}: expects finite numbers, got ${show(value)}`);
  }
  const { seed, offset } = takeRandom(operation, elementCount(sizes));
  const attributes = { shape: sizes, distribution, low, high, seed, offset };
  if (dtype === 'f32') return dispatchOne('random', [], attributes, device);
  return withTemporaries(() =>
    dispatchOne('convert', [dispatchOne('random', [], attributes, device)], { dtype }),
  );
}
