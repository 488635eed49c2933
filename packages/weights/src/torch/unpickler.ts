// A pickle is a program for a small stack machine. This one runs the part of it that PyTorch writes, on plain data:
// names are looked up in an allow-list, calls go to functions of this package, everything else is refused by name.
//
// Bounds: each opcode takes a byte of the file, does work that does not grow with what came before, and makes at most
// one value, except those that copy (TUPLE and its like take their items off the stack, so the sum is bounded by what
// was pushed; calls that copy a list are charged). Nothing here or later recurses over values, so a dict that
// contains itself, or nesting a million deep, is data like any other.
import { Pacer } from '../pacer.ts';
import { quoted, refuse } from '../refuse.ts';
import * as op from './opcodes.ts';
import type { PickleReader } from './pickle-reader.ts';
import {
  type CallContext,
  describe,
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleOpaque,
  PickleTuple,
  type PickleValue,
} from './values.ts';

/** What the pickled object is made of is the host's business. */
export interface PickleHost {
  /** The meaning of a global on the allow-list. @throws {WeightsError} naming any other */
  findGlobal(module: string, name: string): PickleGlobal;
  /** The object behind a persistent id. */
  persistentLoad(id: PickleValue): PickleValue;
}

// A tensor costs about 40 opcodes, 6 containers and, without a memo hit, 20 memo entries: these limits are far above
// the 100,000 tensors of the largest optimizer states and keep a hostile file to some 100 MB of heap and seconds.
const MAX_OPCODES = 16_000_000;
const MAX_CONTAINERS = 1_000_000;
const MAX_MEMO = 4_000_000;
const MAX_STACK = 1_000_000;
// Pickles of nested containers keep one mark open per level; Python itself stops at a recursion depth of 1000.
const MAX_MARKS = 1000;
const MAX_NAME_BYTES = 1024;
// 2^1024 is beyond any float; the only big integer in these files is the magic number of 10 bytes.
const MAX_INTEGER_BYTES = 128;
const HIGHEST_PROTOCOL = 5;

const TEXT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const OPAQUE_BYTES = new PickleOpaque('bytes');

/** Runs one pickle, from PROTO to STOP, and leaves the reader behind it. */
export class Unpickler implements CallContext {
  readonly #reader: PickleReader;
  readonly #host: PickleHost;
  readonly #stack: PickleValue[] = [];
  // Stack heights at open marks; nothing below the last one may be popped.
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #opcodes = 0;
  #containers = 0;
  #charged = 0;

  constructor(reader: PickleReader, host: PickleHost) {
    this.#reader = reader;
    this.#host = host;
  }

  async load(): Promise<PickleValue> {
    const reader = this.#reader;
    const pacer = new Pacer();
    for (;;) {
      if (reader.buffered === 0) await reader.fill(1);
      const opcode = reader.uint8();
      const operand = op.operandBytes(opcode);
      if (operand > reader.buffered) await reader.fill(operand);
      this.#count();
      const payload = op.payloadOf(opcode);
      if (payload !== undefined) await this.#payload(payload, reader.unsigned(operand));
      else if (opcode === op.GLOBAL) await this.#global();
      else if (opcode === op.STOP) return this.#stop();
      else this.#execute(opcode);
      if (this.#opcodes % 256 === 0 && pacer.due) await pacer.turn();
    }
  }

  charge(items: number): void {
    this.#charged += items;
    if (this.#charged > this.#opcodes) refuse('pickle: the same values are copied again and again');
  }

  #count(): void {
    this.#opcodes++;
    if (this.#opcodes > MAX_OPCODES) refuse(`pickle: more than ${MAX_OPCODES} opcodes`);
  }

  async #payload(kind: 'text' | 'integer' | 'bytes', length: number): Promise<void> {
    const reader = this.#reader;
    if (kind === 'bytes') {
      reader.skip(length);
      this.#push(OPAQUE_BYTES);
      return;
    }
    if (kind === 'integer' && length > MAX_INTEGER_BYTES) refuse(`pickle: an integer of ${length} bytes`);
    if (length > reader.buffered) await reader.fill(length);
    const bytes = reader.take(length);
    if (kind === 'integer') this.#push(integerOf(bytes));
    else this.#push(textOf(bytes) ?? OPAQUE_BYTES);
  }

  async #global(): Promise<void> {
    const module = await this.#line();
    const name = await this.#line();
    this.#push(this.#host.findGlobal(module, name));
  }

  async #line(): Promise<string> {
    const reader = this.#reader;
    let length = reader.lineLength();
    if (length < 0) {
      await reader.fill(Math.min(MAX_NAME_BYTES, reader.remaining));
      length = reader.lineLength();
    }
    if (length < 0 || length > MAX_NAME_BYTES) {
      refuse(`pickle: GLOBAL names something longer than ${MAX_NAME_BYTES} bytes, or is cut off`);
    }
    const text = textOf(reader.take(length));
    reader.take(1);
    return text ?? refuse('pickle: GLOBAL names something that is not UTF-8');
  }

  #stop(): PickleValue {
    const value = this.#pop('STOP');
    if (this.#stack.length > 0 || this.#marks.length > 0)
      refuse('pickle: STOP with values left on the stack');
    return value;
  }

  #execute(opcode: number): void {
    const reader = this.#reader;
    switch (opcode) {
      case op.PROTO: {
        const protocol = reader.uint8();
        if (protocol > HIGHEST_PROTOCOL) refuse(`pickle: protocol ${protocol} is not known`);
        break;
      }
      case op.FRAME: {
        const length = reader.unsigned(8);
        if (length > reader.remaining) {
          refuse(`pickle: FRAME of ${length} bytes where only ${reader.remaining} are left: truncated?`);
        }
        break;
      }
      case op.MARK:
        if (this.#marks.length === MAX_MARKS) refuse(`pickle: nested more than ${MAX_MARKS} deep`);
        this.#marks.push(this.#stack.length);
        break;
      case op.POP:
        // As in Python, POP right after MARK takes the mark.
        if (this.#stack.length > 0 && this.#stack.length === this.#marks.at(-1)) this.#marks.pop();
        else this.#pop('POP');
        break;
      case op.POP_MARK:
        this.#popMark('POP_MARK');
        break;
      case op.DUP:
        this.#push(this.#top('DUP'));
        break;
      case op.NONE:
        this.#push(null);
        break;
      case op.NEWTRUE:
        this.#push(true);
        break;
      case op.NEWFALSE:
        this.#push(false);
        break;
      case op.BININT:
        this.#push(reader.int32());
        break;
      case op.BININT1:
        this.#push(reader.unsigned(1));
        break;
      case op.BININT2:
        this.#push(reader.unsigned(2));
        break;
      case op.BINFLOAT:
        this.#push(reader.float64());
        break;
      case op.EMPTY_TUPLE:
        this.#pushContainer(new PickleTuple([]));
        break;
      case op.TUPLE:
        this.#pushContainer(new PickleTuple(this.#popMark('TUPLE')));
        break;
      case op.TUPLE1:
        this.#pushContainer(new PickleTuple([this.#pop('TUPLE1')]));
        break;
      case op.TUPLE2: {
        const second = this.#pop('TUPLE2');
        this.#pushContainer(new PickleTuple([this.#pop('TUPLE2'), second]));
        break;
      }
      case op.TUPLE3: {
        const third = this.#pop('TUPLE3');
        const second = this.#pop('TUPLE3');
        this.#pushContainer(new PickleTuple([this.#pop('TUPLE3'), second, third]));
        break;
      }
      case op.EMPTY_LIST:
        this.#pushContainer(new PickleList());
        break;
      case op.APPEND: {
        const item = this.#pop('APPEND');
        this.#list('APPEND').items.push(item);
        break;
      }
      case op.APPENDS: {
        const items = this.#popMark('APPENDS');
        const list = this.#list('APPENDS');
        for (const item of items) list.items.push(item);
        break;
      }
      case op.LIST: {
        const list = new PickleList();
        for (const item of this.#popMark('LIST')) list.items.push(item);
        this.#pushContainer(list);
        break;
      }
      case op.EMPTY_DICT:
        this.#pushContainer(new PickleDict(false));
        break;
      case op.SETITEM: {
        const value = this.#pop('SETITEM');
        const key = this.#pop('SETITEM');
        this.#dict('SETITEM').set(keyOf(key), value);
        break;
      }
      case op.SETITEMS: {
        const items = this.#popMark('SETITEMS');
        setItems(this.#dict('SETITEMS'), items, 'SETITEMS');
        break;
      }
      case op.DICT: {
        const dict = new PickleDict(false);
        setItems(dict, this.#popMark('DICT'), 'DICT');
        this.#pushContainer(dict);
        break;
      }
      case op.EMPTY_SET:
        this.#pushContainer(new PickleOpaque('set'));
        break;
      case op.ADDITEMS: {
        this.#popMark('ADDITEMS');
        const set = this.#top('ADDITEMS');
        if (!(set instanceof PickleOpaque)) refuse(`pickle: ADDITEMS to ${describe(set)}`);
        break;
      }
      case op.FROZENSET:
        this.#popMark('FROZENSET');
        this.#pushContainer(new PickleOpaque('frozenset'));
        break;
      case op.BINGET:
        this.#get(reader.unsigned(1));
        break;
      case op.LONG_BINGET:
        this.#get(reader.unsigned(4));
        break;
      case op.BINPUT:
        this.#put(reader.unsigned(1));
        break;
      case op.LONG_BINPUT:
        this.#put(reader.unsigned(4));
        break;
      case op.MEMOIZE:
        this.#put(this.#memo.size);
        break;
      case op.STACK_GLOBAL: {
        const name = this.#pop('STACK_GLOBAL');
        const module = this.#pop('STACK_GLOBAL');
        if (typeof name !== 'string' || typeof module !== 'string') {
          refuse(`pickle: STACK_GLOBAL of ${describe(module)} and ${describe(name)}`);
        }
        this.#push(this.#host.findGlobal(module, name));
        break;
      }
      case op.REDUCE:
        this.#reduce();
        break;
      case op.BUILD:
        this.#build();
        break;
      case op.BINPERSID:
        this.#pushContainer(this.#host.persistentLoad(this.#pop('BINPERSID')));
        break;
      default:
        refuse(
          `pickle: opcode ${op.refusedName(opcode)} at byte ${reader.position - 1} is not written by PyTorch and is refused`,
        );
    }
  }

  #reduce(): void {
    const args = this.#pop('REDUCE');
    const callable = this.#pop('REDUCE');
    if (!(callable instanceof PickleGlobal) || callable.call === undefined) {
      refuse(`pickle: REDUCE would call ${describe(callable)}, which is not a function of the allow-list`);
    }
    if (!(args instanceof PickleTuple)) refuse(`pickle: ${callable.name} called with ${describe(args)}`);
    this.#pushContainer(callable.call(args.items, this));
  }

  /** BUILD sets attributes; an OrderedDict's (`_metadata` of a state dict: module versions) are of no use here. */
  #build(): void {
    const state = this.#pop('BUILD');
    const target = this.#top('BUILD');
    const onOrderedDict = target instanceof PickleDict && target.ordered;
    if (!onOrderedDict || !(state instanceof PickleDict)) {
      refuse(`pickle: BUILD of ${describe(target)} from ${describe(state)} is refused`);
    }
  }

  #push(value: PickleValue): void {
    if (this.#stack.length === MAX_STACK) refuse(`pickle: more than ${MAX_STACK} values on the stack`);
    this.#stack.push(value);
  }

  #pushContainer(value: PickleValue): void {
    this.#containers++;
    if (this.#containers > MAX_CONTAINERS) refuse(`pickle: more than ${MAX_CONTAINERS} containers`);
    this.#push(value);
  }

  #pop(opcode: string): PickleValue {
    const value = this.#top(opcode);
    this.#stack.pop();
    return value;
  }

  #top(opcode: string): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || this.#stack.length === this.#marks.at(-1)) {
      refuse(`pickle: ${opcode} with nothing on the stack`);
    }
    return value;
  }

  #popMark(opcode: string): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) refuse(`pickle: ${opcode} without a mark`);
    return this.#stack.splice(mark);
  }

  #list(opcode: string): PickleList {
    const list = this.#top(opcode);
    if (!(list instanceof PickleList)) refuse(`pickle: ${opcode} to ${describe(list)}`);
    return list;
  }

  #dict(opcode: string): PickleDict {
    const dict = this.#top(opcode);
    if (!(dict instanceof PickleDict)) refuse(`pickle: ${opcode} to ${describe(dict)}`);
    return dict;
  }

  #get(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) refuse(`pickle: memo ${index} is read but was never written`);
    this.#push(value);
  }

  #put(index: number): void {
    this.#memo.set(index, this.#top('PUT'));
    if (this.#memo.size > MAX_MEMO) refuse(`pickle: more than ${MAX_MEMO} memo entries`);
  }
}

function keyOf(key: PickleValue): PickleValue {
  if (key instanceof PickleList || key instanceof PickleDict) refuse(`pickle: a key is a ${describe(key)}`);
  return key;
}

function setItems(dict: PickleDict, items: readonly PickleValue[], opcode: string): void {
  if (items.length % 2 !== 0) refuse(`pickle: ${opcode} with a key without a value`);
  for (let i = 0; i < items.length; i += 2) dict.set(keyOf(items[i]!), items[i + 1]!);
}

/** A two's-complement little-endian integer; a number where that is exact. */
function integerOf(bytes: Uint8Array): number | bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  value = BigInt.asIntN(bytes.length * 8, value);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** UTF-8 text; undefined when it is none (bytes that Python 2 pickled as a string). */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return TEXT.decode(bytes);
  } catch {
    return undefined;
  }
}

/** A host for pickles that hold plain values only. */
export const plainHost: PickleHost = {
  findGlobal: (module, name) =>
    refuse(`pickle: ${quoted(`${module}.${name}`)} is refused where only plain values belong`),
  persistentLoad: () => refuse('pickle: a persistent id is refused where only plain values belong'),
};
