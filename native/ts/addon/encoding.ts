/**
 * Arguments as numbers in a Float64Array, which the addon reads without a call of Node-API for each: attributes in the
 * order of the op's schema, shapes, whole graphs. The other side is src/binding/encoding.h.
 */
import { ArgumentError } from '@fusor/errors';
import { show, wrongType } from '../check.ts';
import type { AttributeValue } from '../graph.ts';
import type { AttributeSchema, OpSchema } from './addon.ts';

/** Where the geometry of an op's outputs stands in the block: per output dtype, device, rank, sizes. */
export const GEOMETRY = 256;
export const GEOMETRY_STRIDE = 11;

/** `fusor_attribute_type`. */
const AttributeType = {
  int32: 0,
  int64: 1,
  uint64: 2,
  boolean: 3,
  float: 4,
  double: 5,
  int32Array: 6,
  int64Array: 7,
  enumeration: 8,
  activation: 9,
} as const;

/** `fusor_activation_kind`, of those with a name. */
const activations: readonly string[] = ['none', 'relu', 'gelu', 'gelu-tanh', 'silu'];
const CLAMP = 5;

// Attributes that may be left out: they are 0, or no activation. All others are required.
const optional: ReadonlySet<string> = new Set(['activation', 'alpha', 'beta', 'correction']);

/** Writes numbers one after another, into the shared block or into memory that grows. */
export class Encoder {
  #numbers: Float64Array;
  #length = 0;
  readonly #fixed: boolean;

  constructor(block?: Float64Array) {
    this.#numbers = block ?? new Float64Array(256);
    this.#fixed = block !== undefined;
  }

  /** What was written. */
  get numbers(): Float64Array {
    return this.#numbers.subarray(0, this.#length);
  }

  push(value: number): void {
    if (this.#length === this.#numbers.length) {
      if (this.#fixed) throw new ArgumentError('the arguments of an operation are too long');
      const longer = new Float64Array(2 * this.#length);
      longer.set(this.#numbers);
      this.#numbers = longer;
    }
    this.#numbers[this.#length] = value;
    this.#length += 1;
  }

  /** A list with its length in front. */
  list(values: readonly number[]): void {
    this.push(values.length);
    for (const value of values) this.push(value);
  }

  /** Starts anew, keeping the memory. */
  restart(): this {
    this.#length = 0;
    return this;
  }

  /** The attributes of an op. @throws ArgumentError naming what is missing or of the wrong type. */
  attributes(schema: OpSchema, attributes: Readonly<Record<string, AttributeValue>>): void {
    for (const attribute of schema.attributes)
      this.#attribute(schema.name, attribute, attributes[attribute.name]);
  }

  #attribute(operation: string, attribute: AttributeSchema, value: AttributeValue | undefined): void {
    const { name } = attribute;
    if (value === undefined && !optional.has(name)) {
      throw new ArgumentError(`${operation}: attribute '${name}' is missing`);
    }
    switch (attribute.type) {
      case AttributeType.int32:
        this.push(integer(operation, name, value, 2 ** 31));
        break;
      case AttributeType.int64:
        this.push(integer(operation, name, value, 2 ** 53));
        break;
      case AttributeType.uint64:
        this.#uint64(operation, name, value);
        break;
      case AttributeType.boolean:
        if (typeof value !== 'boolean') throw wrongType(operation, name, 'true or false', value);
        this.push(value ? 1 : 0);
        break;
      case AttributeType.float:
      case AttributeType.double:
        this.push(number(operation, name, value ?? 0));
        break;
      case AttributeType.int32Array:
      case AttributeType.int64Array:
        this.#integers(operation, attribute, value);
        break;
      case AttributeType.enumeration:
        this.push(choice(operation, attribute, value));
        break;
      case AttributeType.activation:
        this.#activation(operation, value);
        break;
      default:
        throw new ArgumentError(`${operation}: attribute '${name}' is of an unknown kind`);
    }
  }

  #uint64(operation: string, name: string, value: unknown): void {
    const exact = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
    if (typeof exact !== 'bigint' || BigInt.asUintN(64, exact) !== exact) {
      throw wrongType(operation, name, 'an integer from 0 to 2^64 - 1', value);
    }
    this.push(Number(exact & 0xffff_ffffn));
    this.push(Number(exact >> 32n));
  }

  #integers(operation: string, { name, type, count, list }: AttributeSchema, value: unknown): void {
    if (!Array.isArray(value) || (list ? value.length > count : value.length !== count)) {
      throw wrongType(operation, name, `an array of ${list ? 'at most ' : ''}${count} integers`, value);
    }
    const limit = type === AttributeType.int32Array ? 2 ** 31 : 2 ** 53;
    this.push(value.length);
    for (const item of value) this.push(integer(operation, name, item, limit));
  }

  #activation(operation: string, value: unknown): void {
    if (typeof value === 'object' && value !== null && 'clamp' in value && Array.isArray(value.clamp)) {
      this.push(CLAMP);
      this.push(number(operation, 'activation.clamp[0]', value.clamp[0]));
      this.push(number(operation, 'activation.clamp[1]', value.clamp[1]));
      return;
    }
    const kind = value === undefined ? 0 : activations.indexOf(value as string);
    if (kind < 0) throw wrongType(operation, 'activation', `one of ${show(activations)} or { clamp }`, value);
    this.push(kind);
    this.push(0);
    this.push(0);
  }
}

function number(operation: string, name: string, value: unknown): number {
  if (typeof value === 'number') return value;
  throw wrongType(operation, name, 'a number', value);
}

function integer(operation: string, name: string, value: unknown, limit: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= -limit && value < limit) return value;
  throw wrongType(operation, name, limit === 2 ** 31 ? 'a 32-bit integer' : 'an integer', value);
}

function choice(operation: string, { name, names }: AttributeSchema, value: unknown): number {
  const index = names.indexOf(value as string);
  if (index >= 0) return index;
  throw wrongType(operation, name, `one of ${names.map((item) => `'${item}'`).join(', ')}`, value);
}
