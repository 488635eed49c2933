import { type DType, DTypeError, ops, Tensor } from '@fusor/native';
import { describe, expect, test } from 'vitest';
import { numbers } from './support.ts';

const of = (dtype: DType): Tensor => Tensor.from([1, 2, 3], undefined, { dtype });

describe('type promotion as in PyTorch', () => {
  const table: readonly (readonly [DType, DType, DType])[] = [
    ['u8', 'u8', 'u8'],
    ['u8', 'i32', 'i32'],
    ['i32', 'i64', 'i64'],
    ['u8', 'i64', 'i64'],
    ['i64', 'f32', 'f32'],
    ['i64', 'f16', 'f16'],
    ['u8', 'bf16', 'bf16'],
    ['f16', 'f32', 'f32'],
    ['bf16', 'f32', 'f32'],
    ['f16', 'bf16', 'f32'],
  ];
  test.each(table)('%s with %s is %s', async (a, b, expected) => {
    const results = [ops.concat([of(a), of(b)]), ops.concat([of(b), of(a)])];
    // The CPU stores 16-bit floats but does not compute with them.
    if (expected !== 'f16' && expected !== 'bf16')
      results.push(ops.maximum(of(a), of(b)), of(b).maximum(of(a)));
    for (const result of results) {
      expect(result.dtype).toBe(expected);
      expect(Array.from(await result.data('f32')).slice(0, 3)).toEqual([1, 2, 3]);
    }
  });

  test('what the CPU does not compute with is refused at the call', () => {
    expect(() => of('f16').add(of('f16'))).toThrow(DTypeError);
    expect(() => of('bf16').mul(2)).toThrow(
      /^mul: the CPU computes with f32 and integers; convert to f32 first$/,
    );
    expect(() =>
      ops.linear(Tensor.zeros([1, 3], { dtype: 'f16' }), Tensor.zeros([2, 3], { dtype: 'f16' })),
    ).toThrow(DTypeError);
  });

  test('integers divide to f32', async () => {
    const result = Tensor.from(Int32Array.of(1, 2)).div(Tensor.from(Int32Array.of(2, 2)));
    expect(result.dtype).toBe('f32');
    expect(await numbers(result)).toEqual([0.5, 1]);
    expect((await numbers(Tensor.from(Uint8Array.of(7)).div(2)))[0]).toBe(3.5);
  });

  test('functions of integers that give fractions compute in f32', async () => {
    expect(await numbers(Tensor.from(Int32Array.of(0, 1)).exp())).toEqual([1, expect.closeTo(Math.E, 5)]);
    expect(Tensor.from(Int32Array.of(0, 1)).softmax().dtype).toBe('f32');
    expect(Tensor.from(Int32Array.of(4)).sqrt().dtype).toBe('f32');
    for (const name of ['floor', 'ceil', 'round', 'relu', 'abs'] as const) {
      expect(Tensor.from(Int32Array.of(4))[name]().dtype).toBe('i32');
    }
  });

  test('means of integers are refused, as in PyTorch', () => {
    expect(() => Tensor.from(Int32Array.of(1)).mean()).toThrow(
      /mean: input must be f32, f16 or bf16, got i32/,
    );
  });
});

describe('numbers as operands', () => {
  test('take the dtype of the tensor', async () => {
    expect(Tensor.from([1]).add(2).dtype).toBe('f32');
    expect(of('i64').add(2).dtype).toBe('i64');
    expect(of('u8').add(2).dtype).toBe('u8');
    expect(await numbers(of('i32').mul(-3))).toEqual([-3, -6, -9]);
  });

  test('a fraction makes integers f32', async () => {
    expect(await numbers(of('i32').mul(0.5))).toEqual([0.5, 1, 1.5]);
    expect(of('i32').add(0.5).dtype).toBe('f32');
  });

  test('stand on either side', async () => {
    expect(await numbers(ops.sub(10, of('f32')))).toEqual([9, 8, 7]);
    expect(await numbers(ops.div(6, of('f32')))).toEqual([6, 3, 2]);
    expect(await numbers(ops.pow(2, of('i32')))).toEqual([2, 4, 8]);
  });

  test('that do not fit an integer dtype are refused', () => {
    expect(() => of('u8').add(300)).toThrow(/add: 300 does not fit the other operand's dtype u8/);
    expect(() => of('u8').sub(-1)).toThrow(/-1 does not fit/);
    expect(() => of('i32').add(2 ** 40)).toThrow(/does not fit/);
    expect(() => of('i64').add(2 ** 60)).toThrow(/does not fit/);
  });

  test('infinities and NaN are numbers of f32', async () => {
    expect(await numbers(of('f32').mul(Number.NaN))).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    expect(await numbers(of('f32').minimum(Number.POSITIVE_INFINITY))).toEqual([1, 2, 3]);
  });

  test('two numbers, or no number at all, are refused', () => {
    expect(() => ops.add(1, 2)).toThrow(/add: one of a and b must be a Tensor/);
    expect(() => ops.add(of('f32'), '1' as never)).toThrow(/add: b must be a Tensor or a number, got '1'/);
    expect(() => ops.add(undefined as never, of('f32'))).toThrow(
      /add: a must be a Tensor or a number, got undefined/,
    );
    expect(() => of('f32').mul([2] as never)).toThrow(/mul: b must be a Tensor or a number, got \[2\]/);
  });
});

describe('clamp', () => {
  test('with one bound or two, keeping integers', async () => {
    const x = Tensor.from(Int32Array.of(-5, 0, 5));
    expect(await numbers(x.clamp(-1, 2))).toEqual([-1, 0, 2]);
    expect(await numbers(x.clamp(1))).toEqual([1, 1, 5]);
    expect(await numbers(x.clamp(Number.NEGATIVE_INFINITY, 3))).toEqual([-5, 0, 3]);
    expect(await numbers(x.clamp(Number.NEGATIVE_INFINITY))).toEqual([-5, 0, 5]);
    expect(x.clamp(-1, 2).dtype).toBe('i32');
    expect(x.clamp(-0.5, 2).dtype).toBe('f32');
    expect(await numbers(Tensor.from([2 ** 40], undefined, { dtype: 'i64' }).clamp(0, 2 ** 39 + 1))).toEqual([
      2 ** 39 + 1,
    ]);
  });
});

describe('dtypes of 16 bits', () => {
  test('convert to f32 and back without loss', async () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    for (const dtype of ['f16', 'bf16'] as const) {
      const back = await Tensor.from(bits, undefined, { dtype }).to('f32').to(dtype).data(dtype);
      const isNaNBits =
        dtype === 'f16' ? (b: number) => (b & 0x7fff) > 0x7c00 : (b: number) => (b & 0x7fff) > 0x7f80;
      const changed = Array.from(bits).filter((value) => !isNaNBits(value) && back[value] !== value);
      expect(changed).toEqual([]);
      expect(Array.from(bits).filter((value) => isNaNBits(value) && !isNaNBits(back[value]!))).toEqual([]);
    }
  });
});

describe('shapes at the edge', () => {
  test('rank 0 goes through everything elementwise', async () => {
    const x = Tensor.from(4);
    expect(await x.sqrt().add(x).mul(2).item()).toBe(12);
    expect(x.reshape([1, 1]).shape).toEqual([1, 1]);
    expect(x.flatten().shape).toEqual([1]);
    expect(x.unsqueeze(0).shape).toEqual([1]);
    expect(await x.softmax().item()).toBe(1);
    expect(await x.argmax().item()).toBe(0);
  });

  test('empty tensors go through everything', async () => {
    const x = Tensor.zeros([0, 3]);
    expect(x.add(1).relu().shape).toEqual([0, 3]);
    expect(ops.matmul(x, Tensor.zeros([3, 4])).shape).toEqual([0, 4]);
    expect(ops.layerNorm(x, 3).shape).toEqual([0, 3]);
    expect(ops.conv2d(Tensor.zeros([0, 2, 5, 5]), Tensor.zeros([4, 2, 3, 3])).shape).toEqual([0, 4, 3, 3]);
    expect(ops.maxPool2d(Tensor.zeros([0, 2, 4, 4]), 2).shape).toEqual([0, 2, 2, 2]);
    expect(await numbers(ops.matmul(Tensor.zeros([2, 0]), Tensor.zeros([0, 2])))).toEqual([0, 0, 0, 0]);
    expect(await numbers(x)).toEqual([]);
    expect(x.transpose(0, 1).reshape([0]).shape).toEqual([0]);
  });

  test("'same' padding puts the odd row and column at the end, as PyTorch does", async () => {
    const x = Tensor.ones([1, 1, 4, 4]);
    const weight = Tensor.ones([1, 1, 2, 2]);
    const result = ops.conv2d(x, weight, { padding: 'same' });
    expect(result.shape).toEqual([1, 1, 4, 4]);
    expect(await numbers(result)).toEqual([4, 4, 4, 2, 4, 4, 4, 2, 4, 4, 4, 2, 2, 2, 2, 1]);
    expect(ops.conv2d(x, Tensor.ones([1, 1, 3, 3]), { padding: 'same', dilation: 2 }).shape).toEqual([
      1, 1, 4, 4,
    ]);
    expect(() => ops.conv2d(x, weight, { padding: 'same', stride: 2 })).toThrow(
      /padding 'same' needs stride 1/,
    );
  });

  test('images without a batch', async () => {
    const x = Tensor.arange(2 * 3 * 3).reshape([2, 3, 3]);
    const weight = Tensor.ones([1, 2, 3, 3]);
    const residual = Tensor.ones([1, 1, 1]);
    const result = ops.conv2d(x, weight, { residual });
    expect(result.shape).toEqual([1, 1, 1]);
    expect(await numbers(result)).toEqual([154]);
  });
});
