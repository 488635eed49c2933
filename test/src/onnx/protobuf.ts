/** One field of a protobuf message: its number and its value as it lies in the file. */
export type Field =
  | { readonly number: number; readonly kind: 'varint'; readonly value: bigint }
  | { readonly number: number; readonly kind: 'fixed32' | 'fixed64' | 'bytes'; readonly value: Uint8Array };

/**
 * Walks the fields of one message (https://protobuf.dev/programming-guides/encoding/). Nested messages come as bytes, to
 * be walked in turn; nothing is copied. A length that runs past the end is an error with its offset.
 */
export function* readFields(message: Uint8Array): Generator<Field> {
  let offset = 0;

  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[offset];
      if (byte === undefined) throw new Error(`protobuf: cut inside a number at byte ${offset}`);
      offset += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new Error(`protobuf: a number of more than ten bytes at byte ${offset}`);
  };

  const take = (length: number): Uint8Array => {
    if (length > message.byteLength - offset) {
      throw new Error(
        `protobuf: ${length} bytes promised at byte ${offset}, ${message.byteLength - offset} left`,
      );
    }
    offset += length;
    return message.subarray(offset - length, offset);
  };

  while (offset < message.byteLength) {
    const tag = varint();
    const number = Number(tag >> 3n);
    switch (tag & 7n) {
      case 0n:
        yield { number, kind: 'varint', value: varint() };
        break;
      case 1n:
        yield { number, kind: 'fixed64', value: take(8) };
        break;
      case 2n:
        yield { number, kind: 'bytes', value: take(Number(varint())) };
        break;
      case 5n:
        yield { number, kind: 'fixed32', value: take(4) };
        break;
      default:
        throw new Error(`protobuf: wire type ${tag & 7n} at byte ${offset}`);
    }
  }
}

export function bytesOf(field: Field): Uint8Array {
  if (field.kind !== 'bytes')
    throw new Error(`protobuf: field ${field.number} is a ${field.kind}, not bytes`);
  return field.value;
}

export function textOf(field: Field): string {
  return new TextDecoder().decode(bytesOf(field));
}

/** A signed 64-bit integer. */
export function integerOf(field: Field): bigint {
  if (field.kind !== 'varint')
    throw new Error(`protobuf: field ${field.number} is a ${field.kind}, not a number`);
  return BigInt.asIntN(64, field.value);
}

/** The items of a repeated integer field: a packed list, or one item. */
export function integersOf(field: Field): bigint[] {
  if (field.kind === 'varint') return [integerOf(field)];
  const items: bigint[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytesOf(field)) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte < 0x80) {
      items.push(BigInt.asIntN(64, value));
      value = 0n;
      shift = 0n;
    }
  }
  if (shift !== 0n) throw new Error(`protobuf: packed field ${field.number} is cut`);
  return items;
}

/** The items of a repeated float field: a packed list, or one item. */
export function floatsOf(field: Field): number[] {
  return numbersOf(field, 4, (view, offset) => view.getFloat32(offset, true));
}

/** The items of a repeated double field: a packed list, or one item. */
export function doublesOf(field: Field): number[] {
  return numbersOf(field, 8, (view, offset) => view.getFloat64(offset, true));
}

function numbersOf(field: Field, size: number, read: (view: DataView, offset: number) => number): number[] {
  if (field.kind === 'varint') throw new Error(`protobuf: field ${field.number} holds an integer`);
  const { buffer, byteOffset, byteLength } = field.value;
  if (byteLength % size !== 0) throw new Error(`protobuf: packed field ${field.number} is cut`);
  const view = new DataView(buffer, byteOffset, byteLength);
  return Array.from({ length: byteLength / size }, (_, index) => read(view, index * size));
}
