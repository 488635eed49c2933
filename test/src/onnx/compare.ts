import type { Tensor } from '@fusor/native';
import type { OnnxTensor } from './model.ts';
import { fusorDType, numbersOf, numbersOfTensor } from './values.ts';

/**
 * How far a result may be from the recorded one, relative to the greatest magnitude in it: sums of n products err by
 * about √n · 2⁻²⁴ of that, and n is at most some thousands in these cases. 16-bit results have rounded to 11 or 8 bits.
 */
const tolerances: Readonly<Record<string, number>> = { f32: 1e-5, f16: 2 ** -10, bf16: 2 ** -7 };

/** Cases whose recorded outputs are less exact than ours, and why. */
const looser: readonly { readonly names: RegExp; readonly tolerance: number }[] = [
  // The recorded windows were computed with 3.1415 for π; the graphs have it right.
  { names: /node\/test_(blackman|hamming|hann)window/, tolerance: 1e-4 },
];

/** What is wrong with `actual`, or `undefined` where it agrees: element type, shape and every element. */
export async function difference(
  name: string,
  actual: Tensor,
  expected: OnnxTensor,
): Promise<string | undefined> {
  const dtype = fusorDType(expected.dataType);
  if (actual.dtype !== dtype) return `has element type ${actual.dtype}, expected ${dtype}`;
  const shape = `[${actual.shape.join(', ')}]`;
  if (shape !== `[${expected.shape.join(', ')}]`)
    return `has shape ${shape}, expected [${expected.shape.join(', ')}]`;

  const got = await numbersOfTensor(actual);
  const wanted = numbersOf(expected);
  const greatest = wanted.reduce(
    (max, value) => (Number.isFinite(value) ? Math.max(max, Math.abs(value)) : max),
    0,
  );
  const tolerance = looser.find(({ names }) => names.test(name))?.tolerance ?? tolerances[dtype] ?? 0;
  const allowed = tolerance * greatest;
  for (const [index, value] of wanted.entries()) {
    const own = got[index]!;
    const agrees = Number.isFinite(value) ? Math.abs(own - value) <= allowed : Object.is(own, value);
    if (!agrees) return `is ${own} at ${index}, expected ${value} (within ${allowed.toExponential(1)})`;
  }
  return undefined;
}
