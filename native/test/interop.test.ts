import { ArgumentError, DisposedError } from '@fusor/errors';
import { memory, synchronize, Tensor } from '@fusor/native';
import { exportTensor, importTensor, type NativeTensor } from '@fusor/native/interop';
import { describe, expect, test } from 'vitest';

describe('a tensor that is exported', () => {
  test('comes back as one that shares its memory', async () => {
    const x = Tensor.from([1, 2, 3, 4, 5, 6], [2, 3]);
    const { tensors, bytes } = memory();
    const again = importTensor(exportTensor(x));
    expect([again.shape, again.dtype, again.device]).toEqual([[2, 3], 'f32', 'cpu']);
    expect([memory().tensors, memory().bytes]).toEqual([tensors, bytes]);
    x.assign(Tensor.full([2, 3], 7));
    expect([...(await again.data())]).toEqual([7, 7, 7, 7, 7, 7]);
  });

  test('keeps its dtype, and its view', async () => {
    const x = Tensor.arange(12, undefined, 1, { dtype: 'i64' }).reshape([3, 4]).transpose(0, 1);
    const again = importTensor(exportTensor(x));
    expect([again.shape, again.dtype]).toEqual([[4, 3], 'i64']);
    expect(await again.data()).toEqual(await x.data());
  });

  test('can be exported any number of times', () => {
    const x = Tensor.ones([2]);
    expect(exportTensor(x)).toBe(exportTensor(x));
  });

  test('outlives its origin once imported', async () => {
    const x = Tensor.full([3], 5);
    const again = importTensor(exportTensor(x));
    x.dispose();
    await synchronize();
    expect([...(await again.data())]).toEqual([5, 5, 5]);
  });

  test('is refused after dispose(), and so is what was exported before', () => {
    const x = Tensor.ones([2]);
    const exported = exportTensor(x);
    x.dispose();
    expect(() => exportTensor(x)).toThrow(DisposedError);
    expect(() => importTensor(exported)).toThrow(DisposedError);
  });
});

test('importTensor takes nothing else', () => {
  for (const value of [undefined, null, 1, 'x', {}, [], () => 0, new Float32Array(4), Tensor.ones([1])]) {
    expect(() => importTensor(value as unknown as NativeTensor), String(value)).toThrow(ArgumentError);
  }
  expect(() => exportTensor({} as unknown as Tensor)).toThrow(ArgumentError);
});
