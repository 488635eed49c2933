import { type ImageSource, type PreprocessOptions, preprocessToArray } from '@fusor/resnet';

/** The 8-bit pixels that `preprocess` normalises, RGB row by row: the transform with mean 0 and deviation 1, undone. */
export async function preprocessedBytes(image: ImageSource, options: PreprocessOptions): Promise<Uint8Array> {
  const { data, shape } = await preprocessToArray(image, { ...options, mean: [0, 0, 0], std: [1, 1, 1] });
  const plane = shape[2] * shape[3];
  const bytes = new Uint8Array(3 * plane);
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < plane; i++) bytes[3 * i + c] = Math.round(data[c * plane + i]! * 255);
  }
  return bytes;
}

/** How far two pictures are apart, in grey levels. */
export function distance(a: Uint8Array, b: Uint8Array): { mean: number; worst: number } {
  if (a.length !== b.length) throw new Error(`pictures of ${a.length} and ${b.length} bytes`);
  let sum = 0;
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    sum += difference;
    worst = Math.max(worst, difference);
  }
  return { mean: sum / a.length, worst };
}

/** Repeatable bytes (xorshift32), for pictures of noise, where every rounding shows. */
export function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed | 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
