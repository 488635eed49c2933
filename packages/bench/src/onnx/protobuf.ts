/**
 * Writes the protobuf wire format (https://protobuf.dev/programming-guides/encoding/), as far as ONNX needs it.
 *
 * A message is a sequence of fields; each begins with a varint tag `field << 3 | wire type`. Repeated numbers are one
 * field each, not packed, as onnx.proto (proto2) declares them. Messages nest by length, so a child is written first
 * and then appended to its parent. Bytes given by the caller (weights) are kept by reference until `finish()`, which
 * copies everything once into one array: a 100 MB network costs 100 MB, not 300.
 */
export class ProtobufWriter {
  readonly #chunks: Uint8Array[] = [];
  /** The small fields written since the last chunk. */
  #pending: number[] = [];
  #byteLength = 0;

  /** Size of the message in bytes. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** An integer, boolean or enum. Negative numbers take ten bytes, as int64 prescribes. */
  int(field: number, value: number | bigint): this {
    this.#tag(field, WireType.Varint);
    this.#varint(BigInt(value));
    return this;
  }

  /** An IEEE float, four bytes, little endian. */
  float(field: number, value: number): this {
    this.#tag(field, WireType.Fixed32);
    this.#fixed32(value);
    return this;
  }

  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  /** Raw bytes. They are read at `finish()`: do not change them before. */
  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, WireType.Length);
    this.#varint(BigInt(value.byteLength));
    this.#append(value);
    return this;
  }

  /** A nested message. The child must be complete: what is written to it later is not seen. */
  message(field: number, child: ProtobufWriter): this {
    this.#tag(field, WireType.Length);
    this.#varint(BigInt(child.#byteLength));
    for (const chunk of child.#chunks) this.#append(chunk);
    for (const byte of child.#pending) this.#byte(byte);
    return this;
  }

  /** The encoded message, in memory of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    this.#flush();
    const output = new Uint8Array(this.#byteLength);
    let offset = 0;
    for (const chunk of this.#chunks) {
      output.set(chunk, offset);
      offset += chunk.byteLength;
    }
    return output;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(BigInt(field * 8 + wireType));
  }

  /** Seven bits a byte, least significant first; the top bit says that another byte follows. */
  #varint(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.#byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#byte(Number(rest));
  }

  #fixed32(value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    for (const byte of bytes) this.#byte(byte);
  }

  #byte(value: number): void {
    this.#pending.push(value);
    this.#byteLength += 1;
  }

  #append(chunk: Uint8Array): void {
    this.#flush();
    this.#chunks.push(chunk);
    this.#byteLength += chunk.byteLength;
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    this.#chunks.push(Uint8Array.from(this.#pending));
    this.#pending = [];
  }
}

const WireType = { Varint: 0, Length: 2, Fixed32: 5 } as const;
