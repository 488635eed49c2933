import { createHash } from 'node:crypto';
import { compile } from '@fusor/layers';
import { classify, type ModelEntry, type Prediction } from '@fusor/resnet';
import sharp from 'sharp';

/** An image and what the network says of it. */
export interface Sample {
  readonly bytes: Buffer;
  readonly type: string;
  readonly expected: readonly Prediction[];
}

/**
 * Images that differ, the same in every run, each with the answer that a plan in this process gives: a mixed-up answer is
 * a wrong one.
 */
export async function makeSamples(entry: ModelEntry, weights: string, count: number): Promise<Sample[]> {
  const model = entry.create();
  await model.load(weights);
  const plan = await compile(model.eval(), { input: ['n', ...entry.inputShape] });
  const [, height, width] = entry.inputShape;
  const raw = { raw: { width, height, channels: 3 } } as const;
  const images = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const picture = sharp(noise(height * width * 3, index), raw);
      const type = index % 2 === 0 ? 'png' : 'jpeg';
      return { bytes: await picture[type]().toBuffer(), type: `image/${type}` };
    }),
  );
  const answers = await classify(
    plan,
    images.map(({ bytes }) => bytes),
    entry,
  );
  plan.dispose();
  return images.map((image, index) => ({ ...image, expected: answers[index]! }));
}

/** Random bytes, others for every seed. */
function noise(length: number, seed: number): Buffer {
  return createHash('shake256', { outputLength: length }).update(`image ${seed}`).digest();
}

/** Whether an answer is the one expected: the same classes, probabilities equal but for the batch's rounding. */
export function matches(predictions: readonly Prediction[], expected: readonly Prediction[]): boolean {
  return (
    predictions.length === expected.length &&
    predictions.every(
      ({ index, probability }, i) =>
        index === expected[i]!.index && Math.abs(probability - expected[i]!.probability) < 1e-4,
    )
  );
}

/** A request that deserves no answer but an error, and the statuses that are right for it. */
export interface Hostile {
  readonly name: string;
  readonly bytes: Buffer;
  readonly type: string;
  readonly statuses: readonly number[];
}

/** Uploads that a server on the open network meets. */
export async function makeHostile(sample: Sample, maxBytes: number): Promise<Hostile[]> {
  const blank = { width: 12_000, height: 12_000, channels: 3, background: 'black' } as const;
  const bomb = await sharp({ create: blank, limitInputPixels: false })
    .png({ compressionLevel: 9 })
    .toBuffer();
  return [
    { name: 'nothing', bytes: Buffer.alloc(0), type: 'image/png', statuses: [400, 422] },
    { name: 'noise', bytes: noise(2048, 1), type: 'image/jpeg', statuses: [422] },
    { name: 'cut short', bytes: sample.bytes.subarray(0, 60), type: sample.type, statuses: [422] },
    { name: 'too many pixels', bytes: bomb, type: 'image/png', statuses: [422] },
    { name: 'too many bytes', bytes: Buffer.alloc(maxBytes + 1), type: 'image/png', statuses: [413] },
    { name: 'no image type', bytes: Buffer.from('{"a":1'), type: 'application/x-thing', statuses: [415] },
    { name: 'broken JSON', bytes: Buffer.from('{"a":1'), type: 'application/json', statuses: [400] },
  ];
}
