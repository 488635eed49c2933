import { BatchNorm2d, Conv2d, Linear } from '@fusor/layers';
import { ops } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { beforeAndAfter, net, passNamed } from '../support/networks.ts';

const pass = passNamed('fuse residual add');
const conv = () => new Conv2d(2, 2, 1, { bias: false });

describe('fuse residual add', () => {
  it('puts the other part of a sum into the epilogue, at the place of the sum', async () => {
    const model = net({ a: conv(), b: conv() }, ({ a, b }, x) => {
      const y = a.forward(x!);
      const shortcut = b.forward(x!);
      return y.add(shortcut).relu();
    });
    const { before, after } = await beforeAndAfter(model, [1, 2, 2, 2], pass);
    expect(before).toBe(`graph(x: f32 [1, 2, 2, 2]) {
  %2 = conv2d(x, a.weight) stride=[1, 1]: f32 [1, 2, 2, 2]  # a
  %4 = conv2d(x, b.weight) stride=[1, 1]: f32 [1, 2, 2, 2]  # b
  %5 = binary(%2, %4) function=add: f32 [1, 2, 2, 2]  # add
  %6 = unary(%5) function=relu: f32 [1, 2, 2, 2]  # relu
  return %6
}`);
    // The first part takes the second, which is made before it.
    expect(after).toBe(`graph(x: f32 [1, 2, 2, 2]) {
  %4 = conv2d(x, b.weight) stride=[1, 1]: f32 [1, 2, 2, 2]  # b
  %5 = conv2d(x, a.weight, -, %4) stride=[1, 1]: f32 [1, 2, 2, 2]  # a + add
  %6 = unary(%5) function=relu: f32 [1, 2, 2, 2]  # relu
  return %6
}`);
  });

  it('also from the right, into linear layers and batch-norms, with the activation of a residual addition', async () => {
    const right = net({ fc: new Linear(3, 3) }, ({ fc }, x) => x!.add(fc.forward(x!)));
    expect((await beforeAndAfter(right, [2, 3], pass)).after).toContain('linear(x, fc.weight, fc.bias, x)');
    const norm = net({ bn: new BatchNorm2d(2) }, ({ bn }, x) =>
      ops.residualAdd(bn.forward(x!), x!, { activation: 'silu' }),
    );
    expect((await beforeAndAfter(norm, [1, 2, 2, 2], pass)).after).toContain(
      'bn.weight, bn.bias, x) epsilon=0.00001 activation=silu',
    );
  });

  it('the same value on both sides, values used elsewhere, broadcasts and activations in between stay', async () => {
    const both = net({ a: conv() }, ({ a }, x) => {
      const y = a.forward(x!);
      return y.add(y);
    });
    expect((await beforeAndAfter(both, [1, 2, 2, 2], pass)).counts).toEqual([0]);
    const used = net({ a: conv() }, ({ a }, x) => {
      const y = a.forward(x!);
      return [y.add(x!), y];
    });
    expect((await beforeAndAfter(used, [1, 2, 2, 2], pass)).counts).toEqual([0]);
    const wide = net({ a: conv() }, ({ a }, x) => a.forward(x!).add(x!.mean([2, 3], { keepDims: true })));
    expect((await beforeAndAfter(wide, [1, 2, 2, 2], pass)).counts).toEqual([0]);
    const between = net({ a: conv() }, ({ a }, x) => a.forward(x!).relu().add(x!));
    expect((await beforeAndAfter(between, [1, 2, 2, 2], pass)).counts).toEqual([0]);
    const inside = net({ a: conv() }, ({ a }, x) => ops.conv2d(x!, a.weight, { activation: 'relu' }).add(x!));
    expect((await beforeAndAfter(inside, [1, 2, 2, 2], pass)).counts).toEqual([0]);
  });

  it('one residual for one layer: the second sum stays a sum', async () => {
    const model = net({ a: conv() }, ({ a }, x) => a.forward(x!).add(x!).add(x!.exp()));
    const { graph, counts } = await beforeAndAfter(model, [1, 2, 2, 2], pass);
    expect(counts).toEqual([1]);
    expect(graph.nodes.map((node) => node.op)).toEqual(['conv2d', 'unary', 'binary']);
  });
});
