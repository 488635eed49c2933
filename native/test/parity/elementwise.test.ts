import { ops, Tensor } from '@fusor/native';
import { describe, expect, test } from 'vitest';
import { broadcastShape, generate, map, Random, zip } from '../reference/array.ts';
import { binary, geluTanh, unary } from '../reference/elementwise.ts';
import { EPSILON, expectClose, expectExactly, magnitude, make, numbers, tensorOf } from '../support.ts';

// Domains that avoid poles, so that one bound on the error fits all.
const domains: Readonly<Record<string, readonly [number, number]>> = {
  log: [0.01, 50],
  sqrt: [0, 50],
  rsqrt: [0.05, 50],
  reciprocal: [0.1, 9],
  exp: [-20, 5],
};

type UnaryMethod = (this: Tensor) => Tensor;

describe('functions of each element agree with f64', () => {
  for (const [name, fn] of Object.entries(unary)) {
    test(`${name}, on lengths around the width of a vector`, async () => {
      const [low, high] = domains[name] ?? [-9, 9];
      const random = new Random(name.length);
      const method = Tensor.prototype[name as keyof Tensor] as UnaryMethod;
      for (const length of [1, 3, 8, 15, 16, 17, 33, 1000]) {
        const x = random.array([length], low, high);
        const expected = map(x, fn);
        await expectClose(method.call(tensorOf(x)), expected, 8 * EPSILON * Math.max(magnitude(expected), 1));
      }
    });
  }

  test('gelu by tanh', async () => {
    const x = new Random(4).array([257], -6, 6);
    await expectClose(ops.gelu(tensorOf(x), { approximate: 'tanh' }), map(x, geluTanh), 4e-6);
  });

  test('softplus with a beta and a threshold of its own', async () => {
    const x = new Random(5).array([100], -9, 9);
    const expected = map(x, (v) => (3 * v > 10 ? v : Math.log1p(Math.exp(3 * v)) / 3));
    await expectClose(ops.softplus(tensorOf(x), { beta: 3, threshold: 10 }), expected, 4e-6);
  });

  test('NaN, infinities and signed zeros', async () => {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const x = make.from([nan, infinity, -infinity, 0]);
    expect(await numbers(x.relu())).toEqual([nan, infinity, 0, 0]);
    expect(await numbers(x.sigmoid())).toEqual([nan, 1, 0, 0.5]);
    expect(await numbers(x.tanh())).toEqual([nan, 1, -1, 0]);
    expect(await numbers(x.exp())).toEqual([nan, infinity, 0, 1]);
    expect(await numbers(x.clamp(-1, 2))).toEqual([nan, 2, -1, 0]);
    expect(await numbers(x.isNaN())).toEqual([1, 0, 0, 0]);
    expect(await numbers(x.gelu())).toEqual([nan, infinity, nan, 0]);
    expect(await numbers(make.from([-1, 0]).log())).toEqual([nan, -infinity]);
    expect(await numbers(make.from([-4]).sqrt())).toEqual([nan]);
    expect(await numbers(make.from([0.5, 1.5, 2.5, -0.5, -1.5]).round())).toEqual([0, 2, 2, -0, -2]);
  });

  test('results of exp at the ends of its range', async () => {
    const result = await numbers(make.from([88.7, 89, -87, -110]).exp());
    expect(result[0]! / Math.exp(Math.fround(88.7))).toBeCloseTo(1, 5);
    expect(result[1]).toBe(Number.POSITIVE_INFINITY);
    expect(result[2]! / Math.exp(-87)).toBeCloseTo(1, 5);
    expect(result[3]).toBeLessThan(1e-44);
  });
});

describe('two operands broadcast', () => {
  const pairs: readonly (readonly [readonly number[], readonly number[]])[] = [
    [[], []],
    [[7], []],
    [
      [3, 17],
      [3, 17],
    ],
    [[3, 17], [17]],
    [
      [3, 17],
      [3, 1],
    ],
    [
      [2, 1, 5],
      [4, 1],
    ],
    [
      [1, 64],
      [33, 1],
    ],
    [
      [2, 3, 4, 5],
      [1, 3, 1, 1],
    ],
    [
      [0, 3],
      [1, 3],
    ],
  ];
  for (const [name, fn] of Object.entries(binary)) {
    test(name, async () => {
      const method = Tensor.prototype[name as keyof Tensor] as (this: Tensor, other: Tensor) => Tensor;
      const random = new Random(name.length * 3);
      for (const [aShape, bShape] of pairs) {
        // Integers: comparisons have equal pairs, and all but div and pow are exact.
        const positive = name === 'pow';
        const a = random.integers(aShape, positive ? 1 : -6, 6);
        const b = map(random.integers(bShape, -4, 4), (v) =>
          v === 0 && ['div', 'floorDivide', 'remainder'].includes(name) ? 3 : v,
        );
        const expected = zip(a, b, fn);
        expect(expected.shape).toEqual(broadcastShape(aShape, bShape));
        const result = method.call(tensorOf(a), tensorOf(b));
        if (name === 'div' || name === 'pow')
          await expectClose(result, expected, 8 * EPSILON * Math.max(magnitude(expected), 1));
        else await expectExactly(result, expected);
      }
    });
  }

  test('on views: transposed, sliced and expanded operands', async () => {
    const a = new Random(1).integers([5, 7], -9, 9);
    const b = new Random(2).integers([14, 5], -9, 9);
    const result = tensorOf(a)
      .transpose(0, 1)
      .sub(tensorOf(b).slice(0, 1, undefined, 2));
    const expected = generate([7, 5], ([i, j]) => a.data[j! * 7 + i!]! - b.data[(2 * i! + 1) * 5 + j!]!);
    await expectExactly(result, expected);
    const row = new Random(3).integers([1, 5], -9, 9);
    await expectExactly(
      tensorOf(row).expand([4, 5]).mul(2),
      generate([4, 5], ([, j]) => 2 * row.data[j!]!),
    );
  });

  test('where picks from two broadcast tensors', async () => {
    const random = new Random(7);
    const condition = random.integers([4, 1], 0, 1);
    const a = random.integers([4, 9], -9, 9);
    const b = random.integers([9], -9, 9);
    const expected = generate([4, 9], ([i, j]) =>
      condition.data[i!] !== 0 ? a.data[i! * 9 + j!]! : b.data[j!]!,
    );
    await expectExactly(ops.where(tensorOf(condition, 'u8'), tensorOf(a), tensorOf(b)), expected);
    await expectExactly(
      tensorOf(a).where(tensorOf(condition, 'u8'), -1),
      zip(condition, a, (c, v) => (c !== 0 ? v : -1)),
    );
  });

  test('residualAdd applies its activation to the sum', async () => {
    const random = new Random(12);
    for (const shape of [[1], [3, 5, 7], [2, 16, 9, 9]]) {
      const x = random.array(shape);
      const y = random.array(shape);
      const sum = zip(x, y, (a, b) => a + b);
      await expectClose(ops.residualAdd(tensorOf(x), tensorOf(y)), sum, EPSILON);
      await expectClose(
        ops.residualAdd(tensorOf(x), tensorOf(y), { activation: 'relu' }),
        map(sum, unary.relu!),
        EPSILON,
      );
      await expectClose(
        ops.residualAdd(tensorOf(x), tensorOf(y), { activation: 'silu' }),
        map(sum, unary.silu!),
        4 * EPSILON,
      );
    }
  });
});

describe('integers', () => {
  test('i32, i64 and u8 arithmetic is exact', async () => {
    const random = new Random(21);
    for (const dtype of ['i32', 'i64'] as const) {
      const a = random.integers([50], -1000, 1000);
      const b = random.integers([50], 1, 30);
      for (const name of ['add', 'sub', 'mul', 'floorDivide', 'remainder', 'maximum', 'minimum'] as const) {
        const result = tensorOf(a, dtype)[name](tensorOf(b, dtype));
        expect(result.dtype).toBe(dtype);
        await expectExactly(result, zip(a, b, binary[name]!));
      }
      for (const name of ['relu', 'abs', 'neg', 'square', 'sign'] as const) {
        const result = tensorOf(a, dtype)[name]();
        expect(result.dtype).toBe(dtype);
        await expectExactly(result, map(a, unary[name]!));
      }
      for (const name of ['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'logicalAnd', 'logicalOr'] as const) {
        const result = tensorOf(a, dtype)[name](tensorOf(b, dtype));
        expect(result.dtype).toBe('u8');
        await expectExactly(result, zip(a, b, binary[name]!));
      }
    }
    const small = random.integers([40], 0, 15);
    await expectExactly(
      tensorOf(small, 'u8').mul(tensorOf(small, 'u8')),
      map(small, (v) => v * v),
    );
  });

  test('i64 keeps what f64 cannot', async () => {
    const x = make.from(BigInt64Array.of(2n ** 53n + 1n, -(2n ** 62n)));
    expect(await x.add(1).data('i64')).toEqual(BigInt64Array.of(2n ** 53n + 2n, -(2n ** 62n) + 1n));
  });

  test('division by zero gives 0 in integers, infinity in floats', async () => {
    expect(await numbers(make.from(Int32Array.of(7, -7)).floorDivide(0))).toEqual([0, 0]);
    expect(await numbers(make.from(Int32Array.of(7, -7)).remainder(0))).toEqual([0, 0]);
    expect(await numbers(make.from([1, -1]).div(0))).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
  });
});
