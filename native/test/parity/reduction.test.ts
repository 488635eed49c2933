import { ops } from '@fusor/native';
import { describe, expect, test } from 'vitest';
import { map, Random } from '../reference/array.ts';
import { alongDim, order, reduce, reducers, softmax } from '../reference/reduction.ts';
import { EPSILON, expectClose, expectExactly, magnitude, make, numbers, tensorOf } from '../support.ts';

type Reduction = 'sum' | 'mean' | 'max' | 'min' | 'prod' | 'variance' | 'any' | 'all';

describe('reductions agree with f64', () => {
  const cases: readonly (readonly [readonly number[], readonly number[]])[] = [
    [[7], [0]],
    [[1000], [0]],
    [[5, 33], [0]],
    [[5, 33], [1]],
    [
      [5, 33],
      [0, 1],
    ],
    [[3, 4, 17], [1]],
    [
      [3, 4, 17],
      [0, 2],
    ],
    [
      [2, 3, 4, 5],
      [1, 2],
    ],
    [
      [2, 3, 4, 5],
      [0, 3],
    ],
    [
      [2, 64, 7, 7],
      [2, 3],
    ],
  ];
  for (const [name, reducer] of Object.entries(reducers)) {
    test(name, async () => {
      const method = name as Reduction;
      for (const [shape, dims] of cases) {
        const count = dims.reduce((product, dim) => product * shape[dim]!, 1);
        if (name === 'prod' && count > 40) continue;
        const x = new Random(count).array(shape, name === 'prod' ? 0.5 : -3, 2);
        const expected = reduce(x, dims, reducer);
        const bound = EPSILON * (8 + 4 * Math.sqrt(count)) * Math.max(magnitude(expected), 3);
        await expectClose(tensorOf(x)[method](dims), expected, bound);
        const kept = reduce(x, dims, reducer, true);
        await expectClose(tensorOf(x)[method](dims, { keepDims: true }), kept, bound);
      }
    });
  }

  test('negative dims, one dim as a number, none for all', async () => {
    const x = new Random(1).integers([2, 3, 4], -9, 9);
    await expectExactly(tensorOf(x).sum(-1), reduce(x, [2], reducers.sum!));
    await expectExactly(tensorOf(x).sum([-1, 0]), reduce(x, [0, 2], reducers.sum!));
    await expectExactly(tensorOf(x).sum(), reduce(x, [0, 1, 2], reducers.sum!));
    await expectExactly(tensorOf(x).sum([]), reduce(x, [0, 1, 2], reducers.sum!));
    expect(await make.from(5).sum().item()).toBe(5);
    expect(await make.from(5).max(0).item()).toBe(5);
  });

  test('of views', async () => {
    const x = new Random(2).integers([6, 10], -9, 9);
    const view = tensorOf(x).slice(1, 1, 9, 3).transpose(0, 1);
    expect(await numbers(view.sum(1))).toEqual(
      [1, 4, 7].map((j) => [0, 1, 2, 3, 4, 5].reduce((sum, i) => sum + x.data[i * 10 + j]!, 0)),
    );
  });

  test('integers sum and multiply in i64', async () => {
    const x = make.from(Int32Array.of(2 ** 31 - 1, 2 ** 31 - 1));
    expect(x.sum().dtype).toBe('i64');
    expect(await x.sum().item()).toBe(2 ** 32 - 2);
    expect(await make.from(new Uint8Array(1000).fill(255)).sum().item()).toBe(255_000);
    expect(
      await make
        .from(Int32Array.of(1000, 1000, 1000, 1000))
        .prod()
        .data('i64'),
    ).toEqual(BigInt64Array.of(10n ** 12n));
    expect(x.max().dtype).toBe('i32');
    expect(await x.max().item()).toBe(2 ** 31 - 1);
  });

  test('a long sum does not lose its small terms', async () => {
    const x = make.full([1 << 22], 0.1);
    expect((await x.sum().item()) / (Math.fround(0.1) * 2 ** 22)).toBeCloseTo(1, 5);
  });

  test('NaN wins in max, min, argmax and argmin', async () => {
    const x = make.from([
      [1, Number.NaN, 3],
      [4, 5, 6],
    ]);
    expect(await numbers(x.max(1))).toEqual([Number.NaN, 6]);
    expect(await numbers(x.min(1))).toEqual([Number.NaN, 4]);
    expect(await numbers(x.argmax(1))).toEqual([1, 2]);
    expect(await numbers(x.argmin(1))).toEqual([1, 0]);
  });

  test('sums of nothing are 0, products 1, means NaN', async () => {
    const empty = make.zeros([2, 0]);
    expect(await numbers(empty.sum(1))).toEqual([0, 0]);
    expect(await numbers(empty.prod(1))).toEqual([1, 1]);
    expect(await numbers(empty.mean(1))).toEqual([Number.NaN, Number.NaN]);
    expect(await numbers(empty.any(1))).toEqual([0, 0]);
    expect(await numbers(empty.all(1))).toEqual([1, 1]);
    expect(empty.sum(0).shape).toEqual([0]);
  });
});

describe('argmax, argmin and top-k', () => {
  for (const shape of [[1], [9], [4, 33], [3, 5, 7]]) {
    for (let dim = 0; dim < shape.length; dim++) {
      test(`along dimension ${dim} of ${JSON.stringify(shape)}`, async () => {
        // Few values, so that there are equals: the first wins.
        const x = new Random(dim + shape.length).integers(shape, -3, 3);
        const squeeze = (array: ReturnType<typeof alongDim>) => ({
          shape: array.shape.filter((_, i) => i !== dim),
          data: array.data,
        });
        await expectExactly(
          tensorOf(x).argmax(dim),
          squeeze(alongDim(x, dim, (row) => order(row, true).slice(0, 1))),
        );
        await expectExactly(
          tensorOf(x).argmin(dim),
          squeeze(alongDim(x, dim, (row) => order(row, false).slice(0, 1))),
        );
        const kept = tensorOf(x).argmax(dim, { keepDims: true });
        await expectExactly(
          kept,
          alongDim(x, dim, (row) => order(row, true).slice(0, 1)),
        );
        for (const largest of [true, false]) {
          const k = Math.ceil(shape[dim]! / 2);
          const { values, indices } = tensorOf(x).topk(k, { dim, largest });
          await expectExactly(
            indices,
            alongDim(x, dim, (row) => order(row, largest).slice(0, k)),
          );
          await expectExactly(
            values,
            alongDim(x, dim, (row) =>
              order(row, largest)
                .slice(0, k)
                .map((i) => row[i]!),
            ),
          );
        }
      });
    }
  }

  test('argmax without a dimension looks at the flattened tensor', async () => {
    const x = new Random(6).array([3, 4, 5]);
    const flat = order(Array.from(x.data), true)[0];
    expect(await tensorOf(x).argmax().item()).toBe(flat);
    const kept = tensorOf(x).argmax(undefined, { keepDims: true });
    expect(kept.shape).toEqual([1, 1, 1]);
    expect(kept.dtype).toBe('i64');
  });
});

describe('softmax', () => {
  for (const shape of [[1], [10], [3, 1000], [2, 5, 3], [4, 17, 2, 3]]) {
    for (let dim = 0; dim < shape.length; dim++) {
      test(`along dimension ${dim} of ${JSON.stringify(shape)}`, async () => {
        const x = new Random(dim).array(shape, -30, 30);
        const expected = alongDim(x, dim, softmax);
        await expectClose(tensorOf(x).softmax(dim), expected, 16 * EPSILON);
        await expectClose(
          tensorOf(x).logSoftmax(dim - shape.length),
          map(expected, Math.log),
          64 * EPSILON * 30,
        );
      });
    }
  }

  test('neither large nor equal inputs overflow', async () => {
    expect(await numbers(make.from([1000, 1000, 999]).softmax())).toEqual(
      softmax([1000, 1000, 999]).map((value) => expect.closeTo(value, 6)),
    );
    expect(await numbers(ops.logSoftmax(make.from([-1e30, 0])))).toEqual([expect.closeTo(-1e30, -25), 0]);
    expect(await numbers(make.from([Number.NEGATIVE_INFINITY, 0]).softmax())).toEqual([0, 1]);
  });
});
