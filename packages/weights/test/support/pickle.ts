// An assembler for pickles, for those that PyTorch would never write.

export type Code = readonly number[];

export const op = {
  mark: [0x28],
  stop: [0x2e],
  pop: [0x30],
  popMark: [0x31],
  dup: [0x32],
  none: [0x4e],
  yes: [0x88],
  no: [0x89],
  emptyTuple: [0x29],
  tuple: [0x74],
  tuple1: [0x85],
  tuple2: [0x86],
  tuple3: [0x87],
  emptyList: [0x5d],
  append: [0x61],
  appends: [0x65],
  list: [0x6c],
  emptyDict: [0x7d],
  setItem: [0x73],
  setItems: [0x75],
  dict: [0x64],
  emptySet: [0x8f],
  addItems: [0x90],
  frozenSet: [0x91],
  memoize: [0x94],
  stackGlobal: [0x93],
  reduce: [0x52],
  build: [0x62],
  persistent: [0x51],
  newObject: [0x81],
  newObjectExtended: [0x92],
  object: [0x6f],
} as const satisfies Record<string, Code>;

export function bytes(text: string): Code {
  return [...new TextEncoder().encode(text)];
}

export function uint(value: number | bigint, width: 1 | 2 | 4 | 8): Code {
  return Array.from({ length: width }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
}

export const protocol = (version: number): Code => [0x80, version];
export const put = (index: number): Code => [0x72, ...uint(index, 4)];
export const get = (index: number): Code => [0x6a, ...uint(index, 4)];
export const global = (module: string, name: string): Code => [0x63, ...bytes(`${module}\n${name}\n`)];

export function text(value: string): Code {
  const encoded = bytes(value);
  return [0x58, ...uint(encoded.length, 4), ...encoded];
}

/** An integer in the shortest of BININT1, BININT and LONG1. */
export function int(value: number | bigint): Code {
  const wide = BigInt(value);
  if (wide >= 0n && wide < 256n) return [0x4b, Number(wide)];
  if (wide >= -(2n ** 31n) && wide < 2n ** 31n) return [0x4a, ...uint(wide & 0xffffffffn, 4)];
  const length = Math.ceil((wide.toString(2).length + 1) / 8);
  return [0x8a, length, ...Array.from({ length }, (_, i) => Number((wide >> BigInt(8 * i)) & 0xffn))];
}

export function float(value: number): Code {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return [0x47, ...new Uint8Array(view.buffer)];
}

export function tuple(...items: readonly Code[]): Code {
  return [...op.mark, ...items.flat(), ...op.tuple];
}

export function dict(entries: Readonly<Record<string, Code>>): Code {
  const items = Object.entries(entries).map(([key, value]) => [...text(key), ...value]);
  return [...op.emptyDict, ...op.mark, ...items.flat(), ...op.setItems];
}

export function call(module: string, name: string, ...args: readonly Code[]): Code {
  return [...global(module, name), ...tuple(...args), ...op.reduce];
}

/** A storage as the zip container refers to it. */
export function storage(type: string, key: string, elements: number | bigint): Code {
  return [
    ...tuple(text('storage'), global('torch', type), text(key), text('cpu'), int(elements)),
    ...op.persistent,
  ];
}

export interface TensorParts {
  readonly storage: Code;
  readonly offset?: number | bigint;
  readonly size: readonly (number | bigint)[];
  readonly stride: readonly (number | bigint)[];
}

export function tensor({ storage: on, offset = 0, size, stride }: TensorParts): Code {
  return call(
    'torch._utils',
    '_rebuild_tensor_v2',
    on,
    int(offset),
    tuple(...size.map(int)),
    tuple(...stride.map(int)),
    op.no,
    call('collections', 'OrderedDict'),
  );
}

/** A whole pickle. */
export function pickle(...code: readonly Code[]): Uint8Array {
  return Uint8Array.from([...protocol(2), ...code.flat(), ...op.stop]);
}
