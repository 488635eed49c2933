// Damaged files: each golden file cut at every length, with every byte changed in several ways, and with random
// stretches overwritten. Whatever comes of it: tensors no larger than the limit, or a WeightsError. Never another
// exception, never a hang (each test has vitest's limit of time), never much memory.
import { describe, expect, it } from 'vitest';
import { largestAllocation } from './support/allocations.ts';
import { bytesOf } from './support/fixtures.ts';
import { readsIntoOrRefuses, readsOrRefuses } from './support/refusal.ts';

const files = [
  'safetensors-0.8-dtypes.safetensors',
  'torch-1.13-small.zip.pth',
  'torch-1.13-small.stream.pth',
  'torch-1.13-checkpoint.zip.pth',
  'torch-1.13-checkpoint.stream.pth',
  'torch-2.13-dtypes.zip.pth',
  'torch-2.13-dtypes.stream.pth',
];
// Seconds where the machine is idle; the limit is for one that is not.
const LIMIT = 300_000;

async function bounded(size: number, work: () => Promise<void>): Promise<void> {
  expect(await largestAllocation(work)).toBeLessThanOrEqual(2 * size + (1 << 20));
}

describe.each(files)('%s', (name) => {
  it(
    'cut at every length is refused',
    async () => {
      const bytes = await bytesOf(name);
      await bounded(bytes.length, async () => {
        expect(await readsOrRefuses(bytes)).toBe('read');
        for (let length = 0; length < bytes.length; length++) {
          const outcome = await readsOrRefuses(bytes.subarray(0, length));
          expect({ length, outcome }).toEqual({ length, outcome: 'refused' });
        }
      });
    },
    LIMIT,
  );

  it(
    'with any byte changed is read or refused',
    async () => {
      const bytes = await bytesOf(name);
      const outcomes = { read: 0, refused: 0 };
      await bounded(bytes.length, async () => {
        for (let at = 0; at < bytes.length; at++) {
          const original = bytes[at]!;
          // Off by one bit, and far off, in turns.
          bytes[at] = original ^ (at % 2 === 0 ? 0xff : 1);
          outcomes[await readsOrRefuses(bytes)]++;
          bytes[at] = original;
        }
      });
      // Damage to elements cannot be seen, damage to structure is.
      expect(outcomes.read).toBeGreaterThan(0);
      expect(outcomes.refused).toBeGreaterThan(0);
    },
    LIMIT,
  );

  it(
    'with 1000 random stretches overwritten, swapped or repeated is read or refused',
    async () => {
      const bytes = await bytesOf(name);
      let state = 12_345;
      const random = (limit: number): number => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return Math.floor((state / 2 ** 32) * limit);
      };
      await bounded(bytes.length, async () => {
        for (let round = 0; round < 1000; round++) {
          const damaged = bytes.slice();
          for (let i = 0; i <= random(3); i++) {
            const from = random(bytes.length);
            const length = 1 + random(16);
            const to = random(bytes.length - length);
            if (random(2) === 0) damaged.copyWithin(to, from, from + length);
            else damaged.fill(random(256), to, to + length);
          }
          await readsOrRefuses(damaged);
          await readsIntoOrRefuses(damaged);
        }
      });
    },
    LIMIT,
  );
});
