import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', '..', '..', '..', '..', 'shared', 'data', 'cifar10-resnet20');

/** Whether the data is there; it is not part of the repository. */
export const hasCifar10: boolean = existsSync(join(folder, 'resnet20-12fca82f.th'));

/** The trained network, in PyTorch's format from before 1.6. */
export const cifar10Weights: string = join(folder, 'resnet20-12fca82f.th');

export interface Cifar10Images {
  readonly count: number;
  readonly labels: Uint8Array;
  /** Image i: 3,072 bytes, red, green and blue planes of 32×32. */
  planes(index: number): Uint8Array;
  /** Image i as 32×32 interleaved RGB. */
  rgb(index: number): Uint8Array;
  /** All images normalised, `[count, 3, 32, 32]`. */
  input(first: number, end: number): Float32Array;
}

const recordBytes = 3073;
const imagenetMean = [0.485, 0.456, 0.406];
const imagenetStd = [0.229, 0.224, 0.225];

/** A file in CIFAR-10's binary format: a label byte, then three planes, per image. */
export function readCifar10(name: string): Cifar10Images {
  const bytes = new Uint8Array(readFileSync(join(folder, name)));
  const count = bytes.length / recordBytes;
  const planes = (index: number) => bytes.subarray(index * recordBytes + 1, (index + 1) * recordBytes);
  return {
    count,
    labels: Uint8Array.from({ length: count }, (_, index) => bytes[index * recordBytes]!),
    planes,
    rgb(index) {
      const image = planes(index);
      return Uint8Array.from({ length: 3072 }, (_, i) => image[(i % 3) * 1024 + Math.floor(i / 3)]!);
    },
    input(first, end) {
      const values = new Float32Array((end - first) * 3072);
      for (let index = first; index < end; index++) {
        for (const [i, byte] of planes(index).entries()) {
          const c = Math.floor(i / 1024);
          values[(index - first) * 3072 + i] = (byte / 255 - imagenetMean[c]!) / imagenetStd[c]!;
        }
      }
      return values;
    },
  };
}

/** Recorded logits, [images][10]. */
export function readLogits(name: string): Float32Array | Float64Array {
  const bytes = readFileSync(join(folder, name));
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return name.endsWith('.f64.bin') ? new Float64Array(buffer) : new Float32Array(buffer);
}
