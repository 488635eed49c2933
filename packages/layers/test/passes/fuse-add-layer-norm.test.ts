import { LayerNorm } from '@fusor/layers';
import { ops } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { beforeAndAfter, net, passNamed } from '../support/networks.ts';

const pass = passNamed('fuse add + layer-norm');

describe('fuse add + layer-norm', () => {
  it('computes both in one, where the sum stood, and gives both', async () => {
    const model = net({ norm: new LayerNorm(4) }, ({ norm }, x, y) => {
      const sum = x!.add(y!);
      const early = sum.exp();
      return norm.forward(sum).mul(sum).add(early);
    });
    const { before, after } = await beforeAndAfter(
      model,
      [
        [2, 4],
        [2, 4],
      ],
      pass,
    );
    expect(before).toBe(`graph(x0: f32 [2, 4], x1: f32 [2, 4]) {
  %2 = binary(x0, x1) function=add: f32 [2, 4]  # add
  %3 = unary(%2) function=exp: f32 [2, 4]  # exp
  %6 = layerNorm(%2, norm.weight, norm.bias) normalizedRank=1 epsilon=0.00001: f32 [2, 4]  # norm
  %7 = binary(%6, %2) function=mul: f32 [2, 4]  # mul
  %8 = binary(%7, %3) function=add: f32 [2, 4]  # add_1
  return %8
}`);
    expect(after).toBe(`graph(x0: f32 [2, 4], x1: f32 [2, 4]) {
  %2, %6 = addLayerNorm(x0, x1, norm.weight, norm.bias) normalizedRank=1 epsilon=0.00001: f32 [2, 4], f32 [2, 4]  # add + norm
  %3 = unary(%2) function=exp: f32 [2, 4]  # exp
  %7 = binary(%6, %2) function=mul: f32 [2, 4]  # mul
  %8 = binary(%7, %3) function=add: f32 [2, 4]  # add_1
  return %8
}`);
  });

  it('also of a residual addition and of a value with itself; a second layer-norm of a sum stays', async () => {
    const model = net({ a: new LayerNorm(4), b: new LayerNorm(4) }, ({ a, b }, x) => {
      const sum = ops.residualAdd(x!, x!);
      return a.forward(sum).sub(b.forward(sum));
    });
    const { graph } = await beforeAndAfter(model, [2, 4], pass);
    expect(graph.nodes.map((node) => node.op)).toEqual(['addLayerNorm', 'layerNorm', 'binary']);
  });

  it('sums that broadcast or have an activation, and weights computed after the sum, stay', async () => {
    const wide = net({ norm: new LayerNorm(4) }, ({ norm }, x, y) => norm.forward(x!.add(y!)));
    expect((await beforeAndAfter(wide, [[2, 4], [4]], pass)).counts).toEqual([0]);
    const active = net({ norm: new LayerNorm(4) }, ({ norm }, x) =>
      norm.forward(ops.residualAdd(x!, x!, { activation: 'relu' })),
    );
    expect((await beforeAndAfter(active, [2, 4], pass)).counts).toEqual([0]);
    const late = net({}, (_, x, y) => {
      const sum = x!.add(x!);
      return ops.layerNorm(sum, [4], { weight: y!.exp() });
    });
    expect((await beforeAndAfter(late, [[2, 4], [4]], pass)).counts).toEqual([0]);
  });
});
