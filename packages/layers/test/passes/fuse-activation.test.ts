import { BatchNorm2d, Conv2d, GELU, Hardtanh, Linear, ReLU, ReLU6, Sigmoid, SiLU } from '@fusor/layers';
import { ops } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { beforeAndAfter, net, passNamed } from '../support/networks.ts';

const pass = passNamed('fuse activation');

describe('fuse activation', () => {
  it('puts it into the epilogue of the layer before it', async () => {
    const model = net({ conv: new Conv2d(2, 2, 1), relu: new ReLU() }, ({ conv, relu }, x) =>
      relu.forward(conv.forward(x!)),
    );
    const { before, after } = await beforeAndAfter(model, [1, 2, 2, 2], pass);
    expect(before).toBe(`graph(x: f32 [1, 2, 2, 2]) {
  %3 = conv2d(x, conv.weight, conv.bias) stride=[1, 1]: f32 [1, 2, 2, 2]  # conv
  %4 = unary(%3) function=relu: f32 [1, 2, 2, 2]  # relu
  return %4
}`);
    expect(after).toBe(`graph(x: f32 [1, 2, 2, 2]) {
  %4 = conv2d(x, conv.weight, conv.bias) stride=[1, 1] activation=relu: f32 [1, 2, 2, 2]  # conv + relu
  return %4
}`);
  });

  it.each([
    [new GELU(), 'gelu'],
    [new GELU({ approximate: 'tanh' }), 'gelu-tanh'],
    [new SiLU(), 'silu'],
    [new ReLU6(), 'clamp(0, 6)'],
    [new Hardtanh(-2, 3), 'clamp(-2, 3)'],
  ])('%s becomes %s', async (layer, text) => {
    const model = net({ fc: new Linear(2, 2), layer }, (own, x) => own.layer.forward(own.fc.forward(x!)));
    expect((await beforeAndAfter(model, [1, 2], pass)).after).toContain(`activation=${text}:`);
  });

  it('after batch-norms and sums, of which a plain one becomes a residual addition', async () => {
    const norm = net({ bn: new BatchNorm2d(2) }, ({ bn }, x) => bn.forward(x!).relu());
    expect((await beforeAndAfter(norm, [1, 2, 2, 2], pass)).after).toContain(
      'epsilon=0.00001 activation=relu',
    );
    const sum = net({}, (_, x, y) => x!.add(y!).relu());
    expect((await beforeAndAfter(sum, [[2], [2]], pass)).after).toContain(
      '%3 = residualAdd(x0, x1) activation=relu',
    );
    const residual = net({}, (_, x, y) => ops.residualAdd(x!, y!).silu());
    expect((await beforeAndAfter(residual, [[2], [2]], pass)).after).toContain(
      'residualAdd(x0, x1) activation=silu',
    );
  });

  it('others, second ones, those of values used elsewhere or of broadcast or integer sums stay', async () => {
    const fc = new Linear(2, 2);
    const other = net({ fc, sigmoid: new Sigmoid() }, (own, x) => own.sigmoid.forward(own.fc.forward(x!)));
    expect((await beforeAndAfter(other, [1, 2], pass)).counts).toEqual([0]);
    const second = net({ fc }, (own, x) => own.fc.forward(x!).relu().silu());
    expect((await beforeAndAfter(second, [1, 2], pass)).counts).toEqual([1]);
    const used = net({ fc }, (own, x) => {
      const y = own.fc.forward(x!);
      return y.relu().mul(y);
    });
    expect((await beforeAndAfter(used, [1, 2], pass)).counts).toEqual([0]);
    const wide = net({}, (_, x, y) => x!.add(y!).relu());
    expect((await beforeAndAfter(wide, [[2, 2], [2]], pass)).counts).toEqual([0]);
    const integer = { shape: [2], dtype: 'i32' } as const;
    expect((await beforeAndAfter(wide, [integer, integer], pass)).counts).toEqual([0]);
  });
});
