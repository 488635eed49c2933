import { expect, it } from 'vitest';
import { Batcher, OverloadedError } from '../src/batcher.ts';

/** A batcher that doubles numbers, and whose runs end when the test says so. */
function doubling(sizes: readonly number[], maxWaiting = 100) {
  const runs: { inputs: readonly number[]; finish: (error?: Error) => void }[] = [];
  const batcher = new Batcher<number, number>({
    sizes,
    maxWaiting,
    run: (inputs) =>
      new Promise((resolve, reject) => {
        const finish = (error?: Error) => (error ? reject(error) : resolve(inputs.map((x) => 2 * x)));
        runs.push({ inputs, finish });
      }),
  });
  return { batcher, runs };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

it('runs the first input at once and gathers those that come meanwhile, in sizes that are allowed', async () => {
  const { batcher, runs } = doubling([1, 4]);
  const first = batcher.submit(1);
  await turn();
  const rest = [2, 3, 4, 5, 6].map((x) => batcher.submit(x));
  runs[0]!.finish();
  await turn();
  runs[1]!.finish();
  await turn();
  runs[2]!.finish();
  expect(await first).toBe(2);
  expect(await Promise.all(rest)).toEqual([4, 6, 8, 10, 12]);
  expect(runs.map(({ inputs }) => inputs)).toEqual([[1], [2, 3, 4, 5], [6]]);
  await batcher.idle();
  expect(batcher.waiting).toBe(0);
});

it('refuses what is more than may wait', async () => {
  const { batcher, runs } = doubling([1], 2);
  const first = batcher.submit(1);
  await turn();
  const waiting = [batcher.submit(2), batcher.submit(3)];
  await expect(batcher.submit(4)).rejects.toThrow(OverloadedError);
  for (let i = 0; i < 3; i++) {
    runs[i]!.finish();
    await turn();
  }
  expect(await Promise.all([first, ...waiting])).toEqual([2, 4, 6]);
});

it('takes out what is aborted while it waits, and lets the rest be', async () => {
  const { batcher, runs } = doubling([1, 2]);
  const first = batcher.submit(1);
  await turn();
  const abort = new AbortController();
  const given = batcher.submit(2, abort.signal);
  const kept = batcher.submit(3);
  abort.abort(new Error('gone'));
  await expect(given).rejects.toThrow('gone');
  runs[0]!.finish();
  await turn();
  expect(runs[1]!.inputs).toEqual([3]);
  runs[1]!.finish();
  expect([await first, await kept]).toEqual([2, 6]);
});

it('passes a failed run on to its own inputs only', async () => {
  const { batcher, runs } = doubling([1]);
  const first = batcher.submit(1);
  const second = batcher.submit(2);
  await turn();
  runs[0]!.finish(new Error('no memory'));
  await expect(first).rejects.toThrow('no memory');
  await turn();
  runs[1]!.finish();
  expect(await second).toBe(4);
});

it('wants sizes that begin with 1', () => {
  expect(() => doubling([2, 4])).toThrow('sizes must begin with 1');
});
