import { inspect } from 'node:util';
import { ArgumentError, DisposedError, ShapeError, Tensor, version } from '@fusor/native';
import { describe, expect, test } from 'vitest';
import { numbers } from './support.ts';

describe('Tensor.from', () => {
  test('takes its dtype from the typed array', async () => {
    const cases = [
      [Float32Array.of(1, 2), 'f32'],
      [Float64Array.of(1, 2), 'f32'],
      [Int32Array.of(1, 2), 'i32'],
      [BigInt64Array.of(1n, 2n), 'i64'],
      [Uint8Array.of(1, 2), 'u8'],
      [Uint8ClampedArray.of(1, 2), 'u8'],
      [Buffer.from([1, 2]), 'u8'],
    ] as const;
    for (const [array, dtype] of cases) {
      const tensor = Tensor.from(array);
      expect([tensor.dtype, tensor.shape, tensor.device]).toEqual([dtype, [2], 'cpu']);
      expect(await numbers(tensor)).toEqual([1, 2]);
    }
  });

  test('takes its shape from nested arrays, or is told', async () => {
    const tensor = Tensor.from([[[1, 2, 3]], [[4, 5, 6]]]);
    expect([tensor.shape, tensor.rank, tensor.size]).toEqual([[2, 1, 3], 3, 6]);
    expect(Tensor.from([[], []]).shape).toEqual([2, 0]);
    expect(Tensor.from([1, 2, 3, 4], [2, 2]).shape).toEqual([2, 2]);
    expect(Tensor.from(new Float32Array(6), [1, 6, 1]).shape).toEqual([1, 6, 1]);
    const scalar = Tensor.from(7);
    expect([scalar.shape, scalar.rank, scalar.size, await scalar.item()]).toEqual([[], 0, 1, 7]);
  });

  test('numbers are f32, bigints i64, booleans u8, unless told', () => {
    expect(Tensor.from([1, 2]).dtype).toBe('f32');
    expect(Tensor.from([1n, 2n]).dtype).toBe('i64');
    expect(Tensor.from([true, false]).dtype).toBe('u8');
    expect(Tensor.from([1, 2], undefined, { dtype: 'i64' }).dtype).toBe('i64');
  });

  test('copies: later changes of the array do not reach the tensor', async () => {
    const array = Float32Array.of(1, 2, 3);
    const tensor = Tensor.from(array);
    array.fill(9);
    expect(await numbers(tensor)).toEqual([1, 2, 3]);
  });

  test('reads a part of a buffer where a view starts in the middle', async () => {
    const bytes = new Uint8Array([9, 9, 9, 1, 2, 3, 9]).subarray(3, 6);
    expect(await numbers(Tensor.from(bytes))).toEqual([1, 2, 3]);
    const floats = new Float32Array(8).map((_, i) => i).subarray(2, 5);
    expect(await numbers(Tensor.from(floats))).toEqual([2, 3, 4]);
    const shared = new Float32Array(new SharedArrayBuffer(16));
    shared.set([4, 3, 2, 1]);
    expect(await numbers(Tensor.from(shared))).toEqual([4, 3, 2, 1]);
  });

  test('rounds to 16-bit floats to nearest even, with subnormals, infinities and NaN', async () => {
    const values = [1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 65504, 65520, 2 ** -24, 2 ** -26, -0, Number.NaN];
    const half = Tensor.from(values, undefined, { dtype: 'f16' });
    const bits = await half.data('f16');
    expect(Array.from(bits.subarray(0, 8))).toEqual([0x3c00, 0x3c00, 0x3c02, 0x7bff, 0x7c00, 1, 0, 0x8000]);
    expect((bits[8]! & 0x7c00) === 0x7c00 && (bits[8]! & 0x3ff) !== 0).toBe(true);
    expect(Array.from(await half.data('f32'))).toEqual([
      1,
      1,
      1 + 2 ** -9,
      65504,
      Number.POSITIVE_INFINITY,
      2 ** -24,
      0,
      -0,
      Number.NaN,
    ]);

    const brain = Tensor.from([1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, Number.NaN], undefined, {
      dtype: 'bf16',
    });
    const brainBits = await brain.data('bf16');
    expect(Array.from(brainBits.subarray(0, 4))).toEqual([0x3f80, 0x3f80, 0x3f82, 0x7f80]);
    expect((await brain.data('f32'))[4]).toBe(Number.NaN);
  });

  test('takes 16-bit floats as bits', async () => {
    const half = Tensor.from(Uint16Array.of(0x3c00, 0xc000), undefined, { dtype: 'f16' });
    expect(Array.from(await half.data('f32'))).toEqual([1, -2]);
    const brain = Tensor.from(Uint16Array.of(0x3f80, 0xc000), undefined, { dtype: 'bf16' });
    expect(Array.from(await brain.data('f32'))).toEqual([1, -2]);
    expect(() => Tensor.from(Uint16Array.of(1))).toThrow(/16-bit floats: pass/);
  });

  test('refuses what is not a number or does not fit, and says which', () => {
    const bad: readonly (readonly [unknown, unknown, unknown, RegExp])[] = [
      [['1'], undefined, {}, /data must be .* got '1'/],
      [null, undefined, {}, /got null/],
      [undefined, undefined, {}, /got undefined/],
      [{}, undefined, {}, /got an object/],
      [new Date(0), undefined, {}, /got an instance of Date/],
      [new Int16Array(2), undefined, {}, /Int16Array/],
      [new DataView(new ArrayBuffer(4)), undefined, {}, /DataView/],
      [[1.5], undefined, { dtype: 'i32' }, /1.5 is not an integer that fits i32/],
      [[2 ** 31], undefined, { dtype: 'i32' }, /2147483648 is not/],
      [[256], undefined, { dtype: 'u8' }, /256 is not an integer that fits u8/],
      [[-1], undefined, { dtype: 'u8' }, /-1 is not/],
      [[2 ** 60], undefined, { dtype: 'i64' }, /1152921504606847000 is not/],
      [[2n ** 70n], undefined, {}, /1180591620717411303424n is not/],
      [[Number.NaN], undefined, { dtype: 'i32' }, /NaN is not/],
      [[1], undefined, { dtype: 'f64' }, /dtype must be one of f32, f16, bf16, i32, i64, u8, got 'f64'/],
      [[1], undefined, { dtyp: 'f32' }, /unknown option 'dtyp' \(known: dtype, device\)/],
      [[1], undefined, 'f32', /options must be an object/],
      [[1], 'shape', {}, /shape must be an array of non-negative integers, got 'shape'/],
      [[1], [1.5], {}, /shape must be/],
      [[1], [-1], {}, /shape must be/],
      [[1], [Number.NaN], {}, /shape must be/],
    ];
    for (const [data, shape, options, message] of bad) {
      const from = Tensor.from as unknown as (...values: unknown[]) => Tensor;
      expect(() => from(data, shape, options), String(message)).toThrow(ArgumentError);
      expect(() => from(data, shape, options)).toThrow(message);
    }
  });

  test('refuses shapes that the elements do not fill, ragged and endless arrays', () => {
    expect(() => Tensor.from([1, 2, 3], [2, 2])).toThrow(ShapeError);
    expect(() => Tensor.from([1, 2, 3], [2, 2])).toThrow(
      /3 elements do not fill shape \[2, 2\], which takes 4/,
    );
    expect(() => Tensor.from([[1, 2], [3]])).toThrow(/equal lengths/);
    expect(() => Tensor.from([[1, 2], 3])).toThrow(/equal lengths/);
    expect(() => Tensor.from([1, [2]])).toThrow(/equal lengths/);
    const endless: unknown[] = [];
    endless.push(endless);
    expect(() => Tensor.from(endless as never)).toThrow(/deeper than/);
    expect(() => Tensor.from([[[[[[[[[1]]]]]]]]])).toThrow(/at most 8/);
    // biome-ignore lint/suspicious/noSparseArray: holes are not numbers
    expect(() => Tensor.from([1, , 3] as never)).toThrow(/got undefined/);
  });
});

describe('tensors from nothing', () => {
  test('zeros, ones and full, in every dtype', async () => {
    for (const dtype of ['f32', 'f16', 'bf16', 'i32', 'i64', 'u8'] as const) {
      expect(Array.from(await Tensor.full([2, 2], 3, { dtype }).data('f32'))).toEqual([3, 3, 3, 3]);
      expect(Tensor.zeros([2], { dtype }).dtype).toBe(dtype);
    }
    expect(await numbers(Tensor.ones([3]))).toEqual([1, 1, 1]);
    expect(await numbers(Tensor.zeros([0, 5]))).toEqual([]);
    expect(await Tensor.full([], -0.5).item()).toBe(-0.5);
    expect(() => Tensor.full([1], 256, { dtype: 'u8' })).toThrow(/does not fit into u8/);
  });

  test('arange as in PyTorch', async () => {
    expect(await numbers(Tensor.arange(4))).toEqual([0, 1, 2, 3]);
    expect(await numbers(Tensor.arange(2, 7, 2))).toEqual([2, 4, 6]);
    expect(await numbers(Tensor.arange(3, 0, -1))).toEqual([3, 2, 1]);
    expect(await numbers(Tensor.arange(0, 1, 0.25))).toEqual([0, 0.25, 0.5, 0.75]);
    expect(await numbers(Tensor.arange(3, 3))).toEqual([]);
    expect(await Tensor.arange(0, 3, 1, { dtype: 'i64' }).data()).toEqual(BigInt64Array.of(0n, 1n, 2n));
    expect(() => Tensor.arange(0, 5, 0)).toThrow(/no finite sequence/);
    expect(() => Tensor.arange(0, Number.POSITIVE_INFINITY)).toThrow(/no finite sequence/);
    expect(() => Tensor.arange(Number.NaN)).toThrow(/must be a number, got NaN/);
  });
});

describe('looking at a tensor', () => {
  test('its shape cannot be changed', () => {
    const tensor = Tensor.zeros([2, 3]);
    expect(() => (tensor.shape as number[]).push(4)).toThrow(TypeError);
  });

  test('it prints what is known at once', () => {
    const tensor = Tensor.zeros([2, 3]);
    expect(String(tensor)).toBe('Tensor(f32 [2, 3] on cpu)');
    expect(inspect({ tensor })).toBe('{ tensor: Tensor(f32 [2, 3] on cpu) }');
    tensor.dispose();
    expect(String(tensor)).toBe('Tensor(f32 [2, 3] on cpu, disposed)');
  });

  test('data() gives a typed array of the caller’s own each time', async () => {
    const tensor = Tensor.from([1, 2]);
    const [first, second] = await Promise.all([tensor.data(), tensor.data()]);
    expect(first).not.toBe(second);
    first.fill(9 as never);
    expect(await numbers(tensor)).toEqual([1, 2]);
    expect(first.buffer).toBeInstanceOf(ArrayBuffer);
    expect(first.byteOffset).toBe(0);
  });

  test('data(dtype) converts: truncating, saturating, NaN to 0', async () => {
    const tensor = Tensor.from([1.9, -1.9, 300, -300, 3e9, Number.NaN]);
    expect(await tensor.data('i32')).toEqual(Int32Array.of(1, -1, 300, -300, 2 ** 31 - 1, 0));
    expect(await tensor.data('u8')).toEqual(Uint8Array.of(1, 0, 255, 0, 255, 0));
    expect(await tensor.data('i64')).toEqual(BigInt64Array.of(1n, -1n, 300n, -300n, 3_000_000_000n, 0n));
    expect(await Tensor.from([1n, -2n]).data('f32')).toEqual(Float32Array.of(1, -2));
    expect(() => tensor.data('f64' as never)).toThrow(/dtype must be one of/);
  });

  test('item() gives the only element as a number', async () => {
    expect(await Tensor.from([[2.5]]).item()).toBe(2.5);
    expect(await Tensor.from(7n).item()).toBe(7);
    expect(await Tensor.from([1.5], undefined, { dtype: 'bf16' }).item()).toBe(1.5);
    expect(() => Tensor.zeros([2]).item()).toThrow(/shape \[2\] has 2 elements, not one/);
    expect(() => Tensor.zeros([0]).item()).toThrow(ShapeError);
  });

  test('readInto fills an array that is at hand', async () => {
    const tensor = Tensor.from([
      [1, 2],
      [3, 4],
    ]).transpose(0, 1);
    const target = new Float32Array(6).fill(9);
    await tensor.readInto(target.subarray(1, 5));
    expect(Array.from(target)).toEqual([9, 1, 3, 2, 4, 9]);
    const shared = new Float32Array(new SharedArrayBuffer(16));
    await tensor.readInto(shared);
    expect(Array.from(shared)).toEqual([1, 3, 2, 4]);
    expect(() => tensor.readInto(new Float32Array(3))).toThrow(/target has 3 elements/);
    expect(() => tensor.readInto(new Int32Array(4))).toThrow(
      /a typed array for f32, got an instance of Int32Array/,
    );
    expect(() => tensor.readInto([] as never)).toThrow(ArgumentError);
  });

  test('readInto an array that is transferred away meanwhile rejects and writes nothing', async () => {
    const target = new Float32Array(1000);
    const filled = Tensor.ones([1000]).readInto(target);
    const moved = structuredClone(target, { transfer: [target.buffer] });
    await expect(filled).rejects.toThrow(/transferred away/);
    expect(moved.every((value) => value === 0)).toBe(true);
  });
});

describe('moving and changing', () => {
  test('to() gives a tensor of its own, also where nothing changes', async () => {
    const tensor = Tensor.from([1.5, 2.5]);
    const same = tensor.to('f32');
    const there = tensor.to('cpu');
    expect(same).not.toBe(tensor);
    tensor.dispose();
    expect(await numbers(same)).toEqual([1.5, 2.5]);
    expect(await numbers(there.to('i32'))).toEqual([1, 2]);
    expect(() => there.to('tpu' as never)).toThrow(/there is no device 'tpu'/);
    expect(() => there.to('cuda:99')).toThrow(/cuda:99/);
  });

  test('assign overwrites, views included, and converts', async () => {
    const tensor = Tensor.zeros([2, 2]);
    const row = tensor.select(0, 1);
    expect(
      tensor.assign(
        Tensor.from([
          [1, 2],
          [3, 4],
        ]),
      ),
    ).toBe(tensor);
    expect(await numbers(row)).toEqual([3, 4]);
    tensor.assign(Tensor.from(Int32Array.of(5, 6, 7, 8), [2, 2]));
    expect(await numbers(tensor)).toEqual([5, 6, 7, 8]);
    expect(await numbers(row)).toEqual([7, 8]);
    expect(() => tensor.assign(Tensor.zeros([4]))).toThrow(/assign: source must have shape \[2, 2\]/);
    expect(() => tensor.assign([1] as never)).toThrow(/source must be a Tensor, got \[1\]/);
  });

  test('what was queued before an assign sees the old elements', async () => {
    const tensor = Tensor.full([1000], 1);
    const before = tensor.add(1);
    tensor.assign(Tensor.full([1000], 5));
    const after = tensor.add(1);
    expect((await numbers(before))[999]).toBe(2);
    expect((await numbers(after))[999]).toBe(6);
  });

  test('assign through a view changes the tensor it is a view of', async () => {
    const tensor = Tensor.zeros([3, 2]);
    tensor.select(0, 1).assign(Tensor.from([1, 2]));
    tensor.slice(1, 0, 1).assign(Tensor.full([3, 1], 7));
    expect(await numbers(tensor)).toEqual([7, 0, 7, 2, 7, 0]);
    expect(() =>
      Tensor.zeros([1])
        .expand([3])
        .assign(Tensor.zeros([3])),
    ).toThrow(/assign/);
  });

  test('a disposed tensor says so, naming the operation and argument', () => {
    const tensor = Tensor.zeros([2]);
    tensor.dispose();
    tensor.dispose();
    expect(tensor.disposed).toBe(true);
    expect(tensor.shape).toEqual([2]);
    const other = Tensor.zeros([2]);
    expect(() => tensor.add(other)).toThrow(DisposedError);
    expect(() => other.add(tensor)).toThrow(/^add: b was used after dispose\(\)$/);
    expect(() => tensor.data()).toThrow(/^data: the tensor was used after dispose\(\)$/);
    expect(() => tensor.item()).toThrow(DisposedError);
    expect(() => tensor.to('cpu')).toThrow(DisposedError);
    expect(() => tensor.strides).toThrow(DisposedError);
    expect(() => tensor.assign(other)).toThrow(/destination was used/);
    expect(() => other.assign(tensor)).toThrow(DisposedError);
  });

  test('disposing an input straight after a call is safe', async () => {
    const x = Tensor.from(new Float32Array(100_000).fill(2));
    const y = x.mul(x);
    x.dispose();
    const z = y.add(1);
    y.dispose();
    const data = z.data();
    z.dispose();
    expect((await data)[99_999]).toBe(5);
  });

  test('`using` disposes at the end of the block', () => {
    let outside: Tensor;
    {
      using tensor = Tensor.zeros([1]);
      outside = tensor;
      expect(tensor.disposed).toBe(false);
    }
    expect(outside.disposed).toBe(true);
  });
});

test('the engine tells its version', () => {
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
});
