import { keep, memory, scope, synchronize, Tensor } from '@fusor/native';
import { describe, expect, test } from 'vitest';

describe('scope', () => {
  test('disposes what was made inside and returns what was returned', async () => {
    const made: Tensor[] = [];
    const result = scope(() => {
      const x = Tensor.ones([2]);
      const y = x.add(1);
      made.push(x, y);
      return y.mul(2);
    });
    expect(made.every((tensor) => tensor.disposed)).toBe(true);
    expect(await result.data()).toEqual(Float32Array.of(4, 4));
  });

  test('finds returned tensors in arrays, maps, sets, objects and class instances', () => {
    class Holder {
      readonly weight = Tensor.zeros([1]);
      readonly nested = { list: [Tensor.zeros([1])] };
      // A getter is no data: calling it could do anything.
      get broken(): Tensor {
        throw new Error('called');
      }
    }
    let lost: Tensor | undefined;
    const result = scope(() => {
      lost = Tensor.zeros([1]);
      const cyclic: { self?: unknown; t: Tensor } = { t: Tensor.zeros([1]) };
      cyclic.self = cyclic;
      return {
        holder: new Holder(),
        map: new Map([['a', Tensor.zeros([1])]]),
        set: new Set([Tensor.zeros([1])]),
        cyclic,
        nothing: [null, undefined, 3, new Float32Array(3)],
      };
    });
    expect(lost!.disposed).toBe(true);
    const kept = [
      result.holder.weight,
      result.holder.nested.list[0]!,
      result.map.get('a')!,
      [...result.set][0]!,
      result.cyclic.t,
    ];
    expect(kept.map((tensor) => tensor.disposed)).toEqual([false, false, false, false, false]);
  });

  test('leaves alone what was made outside', () => {
    const outside = Tensor.zeros([1]);
    scope(() => outside.add(1));
    expect(outside.disposed).toBe(false);
  });

  test('nests: what an inner scope returns belongs to the outer one', () => {
    let inner: Tensor | undefined;
    const outer = scope(() => {
      inner = scope(() => Tensor.zeros([1]));
      expect(inner.disposed).toBe(false);
      return Tensor.zeros([1]);
    });
    expect(inner!.disposed).toBe(true);
    expect(outer.disposed).toBe(false);
  });

  test('disposes everything when the function throws', () => {
    let made: Tensor | undefined;
    expect(() =>
      scope(() => {
        made = Tensor.zeros([1]);
        throw new RangeError('mine');
      }),
    ).toThrow(RangeError);
    expect(made!.disposed).toBe(true);
  });

  test('of an asynchronous function lasts until it settles, and covers only what runs in it', async () => {
    const made: Tensor[] = [];
    const work = scope(async () => {
      made.push(Tensor.zeros([1]));
      await new Promise((resolve) => setTimeout(resolve, 5));
      made.push(Tensor.zeros([1]));
      const result = Tensor.ones([1]);
      await result.data();
      return [result.add(1)];
    });
    // Made while the scope is open, but not in it.
    await Promise.resolve();
    const outside = Tensor.zeros([1]);
    expect(made[0]!.disposed).toBe(false);
    const [result] = await work;
    expect(made.map((tensor) => tensor.disposed)).toEqual([true, true]);
    expect([outside.disposed, result!.disposed]).toEqual([false, false]);
    await expect(
      scope(async () => {
        made.push(Tensor.zeros([1]));
        await null;
        throw new RangeError('mine');
      }),
    ).rejects.toThrow(RangeError);
    expect(made[2]!.disposed).toBe(true);
  });

  test('two asynchronous scopes at once keep their tensors apart', async () => {
    const run = (ms: number) =>
      scope(async () => {
        const mine = Tensor.zeros([1]);
        await new Promise((resolve) => setTimeout(resolve, ms));
        expect(mine.disposed).toBe(false);
        return mine.add(ms).item();
      });
    expect(await Promise.all([run(12), run(3), run(7)])).toEqual([12, 3, 7]);
  });

  test('keep takes a tensor out', () => {
    let kept: Tensor | undefined;
    scope(() => {
      scope(() => {
        kept = keep(Tensor.zeros([1]));
      });
    });
    expect(kept!.disposed).toBe(false);
  });

  test('leaves nothing behind, nor do operations made of several', async () => {
    await synchronize();
    const before = memory();
    const x = Tensor.ones([4, 4]);
    const ints = x.to('i32');
    await synchronize();
    const held = memory();
    scope(() => void x.add(x).relu().sum());
    for (const result of [
      x.matmul(Tensor.ones([4])),
      ints.div(2),
      x.argmax(),
      x.clamp(0),
      ints.softmax(),
      x.select(0, 1),
    ]) {
      await result.data('f32');
      result.dispose();
    }
    // The vector of ones above is the collector's.
    await synchronize();
    expect(memory().tensors - held.tensors).toBeLessThanOrEqual(1);
    x.dispose();
    ints.dispose();
    await synchronize();
    expect(memory().tensors - before.tensors).toBeLessThanOrEqual(1);
  });
});
