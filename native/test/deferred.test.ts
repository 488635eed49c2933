import { manualSeed, memory, ops, scope, synchronize, Tensor } from '@fusor/native';
import { deferred, moveInto } from '@fusor/native/trace';
import { describe, expect, test } from 'vitest';

async function bytes(): Promise<number> {
  await synchronize('cpu');
  return memory().bytes;
}

describe('deferred tensors', () => {
  test('have the numbers that they would have had at once, in whatever order they are needed', async () => {
    manualSeed(5);
    const expected = [Tensor.rand([70]), Tensor.randn([3, 41]), Tensor.full([2], 7), Tensor.rand([5])];
    manualSeed(5);
    const later = deferred(() => [
      Tensor.rand([70]),
      Tensor.randn([3, 41]),
      Tensor.full([2], 7),
      Tensor.rand([5]),
    ]);
    for (const index of [3, 1, 0, 2]) {
      expect(later[index]!.shape).toEqual(expected[index]!.shape);
      expect(await later[index]!.data()).toEqual(await expected[index]!.data());
    }
  });

  test('cost no memory until then, and none at all when they are disposed first', async () => {
    const before = await bytes();
    const tensor = deferred(() => Tensor.zeros([1024, 1024]));
    const unused = deferred(() => Tensor.zeros([1024, 1024]));
    // The collector may take what earlier tests left.
    expect(await bytes()).toBeLessThanOrEqual(before);
    expect(tensor.strides).toEqual([1024, 1]);
    expect(await bytes()).toBeLessThanOrEqual(before + 4 * 2 ** 20);
    expect(await bytes()).toBeGreaterThanOrEqual(4 * 2 ** 20);
    tensor.dispose();
    unused.dispose();
    expect(unused.disposed).toBe(true);
    expect(() => unused.strides).toThrow('after dispose()');
    expect(await bytes()).toBeLessThanOrEqual(before);
  });

  test('take part in operations, assignments and scopes as others do', async () => {
    const [a, b] = deferred(() => [Tensor.ones([3]), Tensor.full([3], 2)] as const);
    const sum = scope(() => ops.add(a, b));
    expect([...(await sum.data('f32'))]).toEqual([3, 3, 3]);
    const target = deferred(() => Tensor.zeros([3]));
    target.assign(a);
    expect([...(await target.data('f32'))]).toEqual([1, 1, 1]);
    let inner: Tensor | undefined;
    scope(() => {
      inner = deferred(() => Tensor.zeros([3]));
    });
    expect(inner!.disposed).toBe(true);
  });

  test('only creations are deferred; what is computed from them is computed', async () => {
    const product = deferred(() => Tensor.full([2], 3).mul(Tensor.full([2], 4)));
    expect([...(await product.data('f32'))]).toEqual([12, 12]);
  });
});

describe('moveInto', () => {
  test('gives a deferred tensor the elements without a copy', async () => {
    const before = await bytes();
    const target = deferred(() => Tensor.rand([256, 1024]));
    const source = Tensor.full([256, 1024], 3);
    moveInto(target, source);
    expect(source.disposed).toBe(true);
    expect(await bytes()).toBeLessThanOrEqual(before + 2 ** 20);
    expect((await target.data('f32')).every((value) => value === 3)).toBe(true);
    target.dispose();
    expect(await bytes()).toBeLessThanOrEqual(before);
  });

  test('copies where the elements were seen: views change too', async () => {
    const target = Tensor.zeros([4]);
    const view = target.reshape([2, 2]);
    moveInto(target, Tensor.full([4], 3));
    expect([...(await view.data('f32'))]).toEqual([3, 3, 3, 3]);
    const seen = deferred(() => Tensor.zeros([4]));
    const itsView = seen.reshape([2, 2]);
    moveInto(seen, Tensor.full([4], 5));
    expect([...(await itsView.data('f32'))]).toEqual([5, 5, 5, 5]);
  });

  test('converts to the dtype of the target', async () => {
    const target = deferred(() => Tensor.zeros([2]));
    moveInto(target, Tensor.from(new Int32Array([1, 2])));
    expect(target.dtype).toBe('f32');
    expect([...(await target.data('f32'))]).toEqual([1, 2]);
  });
});
