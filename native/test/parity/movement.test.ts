import { ArgumentError, ops } from '@fusor/native';
import { buildPlan } from '@fusor/native/trace';
import { describe, expect, test } from 'vitest';
import { generate, Random } from '../reference/array.ts';
import { concat, gather, indexSelect, pad, permute, slice } from '../reference/movement.ts';
import { expectExactly, make, numbers, tensorOf, testDevice } from '../support.ts';

describe('views', () => {
  const x = new Random(1).integers([3, 4, 5], -99, 99);

  test('permute and transpose', async () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [0, 2, 1],
    ]) {
      await expectExactly(tensorOf(x).permute(order), permute(x, order));
    }
    await expectExactly(tensorOf(x).transpose(-1, 0), permute(x, [2, 1, 0]));
  });

  test('slices as in Python: negative bounds, bounds beyond the end, steps', async () => {
    const bounds: readonly (readonly [number, number | undefined, number, number, number])[] = [
      [1, undefined, 1, 1, 5],
      [-2, undefined, 1, 3, 5],
      [0, -1, 1, 0, 4],
      [0, 99, 2, 0, 5],
      [-99, 3, 1, 0, 3],
      [4, 2, 1, 4, 4],
      [1, 5, 3, 1, 5],
    ];
    for (const [start, end, step, from, to] of bounds) {
      await expectExactly(tensorOf(x).slice(2, start, end, step), slice(x, 2, from, to, step));
    }
    await expectExactly(tensorOf(x).narrow(1, -3, 2), slice(x, 1, 1, 3, 1));
    await expectExactly(tensorOf(x).select(0, -1), { shape: [4, 5], data: slice(x, 0, 2, 3, 1).data });
  });

  test('reshape of a view copies where it must', async () => {
    const transposed = permute(x, [2, 0, 1]);
    await expectExactly(tensorOf(x).permute([2, 0, 1]).reshape([5, -1]), {
      shape: [5, 12],
      data: transposed.data,
    });
    await expectExactly(tensorOf(x).flatten(1), { shape: [3, 20], data: x.data });
    await expectExactly(tensorOf(x).unflatten(-1, [5, 1]), { shape: [3, 4, 5, 1], data: x.data });
  });

  test('strides tell how a view lies', () => {
    const tensor = tensorOf(x);
    expect(tensor.strides).toEqual([20, 5, 1]);
    expect(tensor.transpose(0, 2).strides).toEqual([1, 5, 20]);
    expect(tensor.slice(2, 0, 5, 2).strides).toEqual([20, 5, 2]);
    expect(make.zeros([3, 1]).expand([3, 4]).strides).toEqual([1, 0]);
  });

  test('squeeze, unsqueeze and expand', async () => {
    const y = make.arange(6).reshape([1, 2, 1, 3]);
    expect(y.squeeze().shape).toEqual([2, 3]);
    expect(y.squeeze(0).shape).toEqual([2, 1, 3]);
    expect(y.squeeze(1).shape).toEqual([1, 2, 1, 3]);
    expect(y.squeeze([0, -2]).shape).toEqual([2, 3]);
    expect(y.squeeze().unsqueeze(-1).shape).toEqual([2, 3, 1]);
    expect(y.squeeze().unsqueeze(0).shape).toEqual([1, 2, 3]);
    expect(y.expand([4, -1, 2, -1]).shape).toEqual([4, 2, 2, 3]);
    expect(await numbers(make.arange(3).expand([2, 3]))).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test('split and chunk', async () => {
    const parts = make.arange(10).split(4);
    expect(await Promise.all(parts.map(numbers))).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    expect(
      tensorOf(x)
        .split([1, 3], 1)
        .map((part) => part.shape),
    ).toEqual([
      [3, 1, 5],
      [3, 3, 5],
    ]);
    expect(
      make
        .arange(7)
        .chunk(3)
        .map((part) => part.shape),
    ).toEqual([[3], [3], [1]]);
    expect(
      make
        .zeros([0])
        .chunk(3)
        .map((part) => part.shape),
    ).toEqual([[0]]);
  });
});

describe('joining and padding', () => {
  test('concat along every dimension, of views too', async () => {
    const random = new Random(3);
    for (let dim = 0; dim < 3; dim++) {
      const arrays = [2, 1, 0, 5].map((length) =>
        random.integers(
          [3, 4, 5].map((s, i) => (i === dim ? length : s)),
          -99,
          99,
        ),
      );
      await expectExactly(
        ops.concat(
          arrays.map((array) => tensorOf(array)),
          dim,
        ),
        concat(arrays, dim),
      );
    }
    const a = random.integers([4, 6], -9, 9);
    await expectExactly(
      ops.concat([tensorOf(a).transpose(0, 1), tensorOf(a).transpose(0, 1)], -1),
      concat([permute(a, [1, 0]), permute(a, [1, 0])], 1),
    );
  });

  test('stack', async () => {
    const parts = [make.from([1, 2]), make.from([3, 4]), make.from([5, 6])];
    expect(await numbers(ops.stack(parts))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await numbers(ops.stack(parts, -1))).toEqual([1, 3, 5, 2, 4, 6]);
    expect(ops.stack(parts, 1).shape).toEqual([2, 3]);
  });

  test('pad counts from the last dimension, in every mode', async () => {
    const x = new Random(5).integers([2, 3, 4], -99, 99);
    for (const mode of ['constant', 'reflect', 'replicate'] as const) {
      const value = mode === 'constant' ? 7 : 0;
      const expected = pad(x, [0, 2, 1], [0, 1, 3], mode, value);
      const options = mode === 'constant' ? { mode, value } : { mode };
      await expectExactly(ops.pad(tensorOf(x), [1, 3, 2, 1], options), expected);
    }
    expect(ops.pad(tensorOf(x), [1, 1, 2, 2, 3, 3]).shape).toEqual([8, 7, 6]);
    expect(await numbers(ops.pad(make.arange(5), [-1, -2]))).toEqual([1, 2]);
    expect(await numbers(ops.pad(make.from([1]), [1, 0], { value: Number.NaN }))).toEqual([Number.NaN, 1]);
  });
});

describe('picking by index', () => {
  test('gather, along every dimension', async () => {
    const random = new Random(7);
    const x = random.integers([3, 4, 5], -99, 99);
    for (let dim = 0; dim < 3; dim++) {
      const shape = [2, 3, 4].map((extent, i) => (i === dim ? 6 : extent));
      const index = random.integers(shape, 0, x.shape[dim]! - 1);
      for (const dtype of ['i64', 'i32'] as const) {
        await expectExactly(ops.gather(tensorOf(x), dim, tensorOf(index, dtype)), gather(x, dim, index));
      }
    }
  });

  test('indexSelect with indices of any rank', async () => {
    const random = new Random(8);
    const x = random.integers([3, 4, 5], -99, 99);
    for (const [dim, shape] of [
      [0, [7]],
      [1, [2, 3]],
      [2, []],
    ] as const) {
      const index = random.integers(shape, 0, x.shape[dim]! - 1);
      await expectExactly(
        ops.indexSelect(tensorOf(x), dim, tensorOf(index, 'i64')),
        indexSelect(x, dim, index),
      );
    }
  });

  test('an embedding is rows of a table', async () => {
    const weight = generate([5, 3], ([row, column]) => row! * 10 + column!);
    const result = ops.embedding(tensorOf(weight), make.from(BigInt64Array.of(4n, 0n, 4n)));
    expect(await numbers(result)).toEqual([40, 41, 42, 0, 1, 2, 40, 41, 42]);
  });

  test('an index out of range fails its op, with its place, as often as it is asked; nothing else fails', async () => {
    const x = make.arange(5);
    const good = make.from(Int32Array.of(4));
    for (const bad of [5, -6, 2 ** 31 - 1]) {
      const index = make.from(Int32Array.of(0, bad));
      const told = (op: string) =>
        expect.objectContaining({
          name: 'ArgumentError',
          message: expect.stringMatching(
            new RegExp(
              `^${op} \\(called at .*\\): index ${bad} .*is out of range for dimension 0 of size 5$`,
            ),
          ),
        });
      const selected = ops.indexSelect(x, 0, index);
      const after = ops.gather(x, 0, good);
      const gathered = ops.gather(x, 0, make.from(Int32Array.of(bad))).relu();
      const embedded = ops.embedding(x.reshape([5, 1]), index);
      expect(await numbers(after)).toEqual([4]);
      for (let time = 0; time < 2; ++time) {
        await expect(selected.data()).rejects.toEqual(told('indexSelect'));
        await expect(gathered.data()).rejects.toEqual(told('gather'));
        await expect(embedded.data()).rejects.toEqual(told('indexSelect'));
      }
    }
  });

  test('a run of a plan with an index out of range fails, and the next one does not', async () => {
    const x = make.arange(5);
    const plan = await buildPlan(
      {
        values: [
          { id: 0, dtype: 'i32', shape: [3] },
          { id: 1, dtype: 'f32', shape: [5], constant: x },
          { id: 2, dtype: 'f32', shape: [3] },
          { id: 3, dtype: 'f32', shape: [3] },
        ],
        nodes: [
          { op: 'indexSelect', attributes: { dim: 0 }, inputs: [1, 0], outputs: [2], name: 'pick' },
          { op: 'unary', attributes: { function: 'neg' }, inputs: [2], outputs: [3], name: 'negate' },
        ],
        inputs: [0],
        outputs: [3],
      },
      { device: testDevice },
    );
    // The third run and later ones are replayed on devices that capture plans.
    for (let time = 0; time < 5; ++time) {
      const { outputs, done } = plan.run([Int32Array.of(0, 4, 3)]);
      await done;
      expect(await numbers(outputs[0]!)).toEqual([-0, -4, -3]);
      const failing = plan.run([Int32Array.of(0, -1, 3)]);
      await expect(failing.done).rejects.toThrow(
        /indexSelect: index -1 .*is out of range for dimension 0 of size 5/,
      );
      await expect(failing.outputs[0]!.data()).rejects.toThrow(ArgumentError);
    }
    plan.dispose();
  });
});
