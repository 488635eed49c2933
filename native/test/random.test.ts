import { manualSeed, Tensor } from '@fusor/native';
import { describe, expect, test } from 'vitest';
import { moments } from './reference/normalization.ts';
import { numbers } from './support.ts';

describe('random tensors', () => {
  test('the same seed gives the same numbers, another seed others', async () => {
    const draw = async (seed: number | bigint) => {
      manualSeed(seed);
      return [
        await numbers(Tensor.rand([7])),
        await numbers(Tensor.randn([3, 5])),
        await numbers(Tensor.rand([2])),
      ];
    };
    const first = await draw(42);
    expect(await draw(42)).toEqual(first);
    expect(await draw(42n)).toEqual(first);
    expect(await draw(43)).not.toEqual(first);
    expect(await draw(42n + (1n << 40n))).not.toEqual(first);
  });

  test('each call goes on where the last one ended', async () => {
    manualSeed(1);
    const both = [...(await numbers(Tensor.rand([4]))), ...(await numbers(Tensor.rand([4])))];
    manualSeed(1);
    expect(await numbers(Tensor.rand([8]))).toEqual(both);
    expect(new Set(both).size).toBe(8);
  });

  test('rand is uniform in its bounds', async () => {
    manualSeed(3);
    const values = await numbers(Tensor.rand([100_000]));
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    const { mean, variance } = moments(values);
    // Four standard errors: sqrt(1 / 12 / n), and for the variance sqrt(1 / 180 / n).
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / 1e5));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(4 * Math.sqrt(1 / 180 / 1e5));
    for (let decile = 0; decile < 10; decile++) {
      const share = values.filter((value) => Math.floor(value * 10) === decile).length / 1e5;
      expect(Math.abs(share - 0.1)).toBeLessThan(4 * Math.sqrt(0.09 / 1e5));
    }
    const bounded = await numbers(Tensor.rand([10_000], { low: -3, high: -2 }));
    expect(bounded.every((value) => value >= -3 && value <= -2)).toBe(true);
  });

  test('randn is normal, tails included', async () => {
    manualSeed(4);
    const values = await numbers(Tensor.randn([200_000], { mean: 2, deviation: 3 }));
    const { mean, variance } = moments(values);
    expect(Math.abs(mean - 2)).toBeLessThan((4 * 3) / Math.sqrt(2e5));
    expect(Math.abs(variance / 9 - 1)).toBeLessThan(4 * Math.sqrt(2 / 2e5));
    // Shares within one, two and three deviations.
    for (const [deviations, expected] of [
      [1, 0.6827],
      [2, 0.9545],
      [3, 0.9973],
    ] as const) {
      const share = values.filter((value) => Math.abs(value - 2) < 3 * deviations).length / 2e5;
      expect(Math.abs(share - expected)).toBeLessThan(0.005);
    }
    expect(values.every(Number.isFinite)).toBe(true);
  });

  test('bernoulli is 1 as often as asked', async () => {
    manualSeed(5);
    const values = await numbers(Tensor.bernoulli([100_000], 0.3));
    expect(values.every((value) => value === 0 || value === 1)).toBe(true);
    expect(Math.abs(moments(values).mean - 0.3)).toBeLessThan(4 * Math.sqrt(0.21 / 1e5));
    expect(new Set(await numbers(Tensor.bernoulli([1000], 0)))).toEqual(new Set([0]));
    expect(new Set(await numbers(Tensor.bernoulli([1000], 1)))).toEqual(new Set([1]));
  });

  test('other dtypes, empty shapes', async () => {
    expect(Tensor.rand([2], { dtype: 'f16' }).dtype).toBe('f16');
    expect(await numbers(Tensor.bernoulli([3], 1, { dtype: 'u8' }))).toEqual([1, 1, 1]);
    expect(await numbers(Tensor.randn([0, 3]))).toEqual([]);
    expect(Tensor.rand([]).shape).toEqual([]);
  });

  test('bad arguments are refused', () => {
    expect(() => manualSeed(1.5)).toThrow(/seed must be an integer, got 1.5/);
    expect(() => manualSeed(-1)).toThrow(/from 0 to 2\^64 - 1/);
    expect(() => manualSeed(1n << 64n)).toThrow(/from 0 to/);
    expect(() => manualSeed('1' as never)).toThrow(/must be an integer, got '1'/);
    expect(() => Tensor.rand([2], { low: 3, high: 1 })).toThrow(/in order/);
    expect(() => Tensor.randn([2], { deviation: -1 })).toThrow(/at least 0/);
    expect(() => Tensor.randn([2], { mean: Number.NaN })).toThrow(/finite/);
    expect(() => Tensor.bernoulli([2], 1.5)).toThrow(/from 0 to 1/);
    expect(() => Tensor.rand(3 as never)).toThrow(/shape must be/);
    expect(() => Tensor.rand([2], { hi: 3 } as never)).toThrow(/unknown option 'hi'/);
  });
});
