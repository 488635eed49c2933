import { type AnyModule, BatchNorm1d, BatchNorm2d, Conv2d, Linear } from '@fusor/layers';
import { ops } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { expectClose, numbers } from '../support/compare.ts';
import { beforeAndAfter, net, passNamed, randomize } from '../support/networks.ts';

const pass = passNamed('fold batch-norm');

describe('fold batch-norm', () => {
  it('puts it into the weight and bias of the convolution before it, computed in f64', async () => {
    const parts = { conv: new Conv2d(2, 3, 3, { groups: 1, bias: false }), bn: new BatchNorm2d(3) };
    const model = randomize(net(parts, ({ conv, bn }, x) => bn.forward(conv.forward(x!))));
    const { before, after, graph } = await beforeAndAfter(model, [1, 2, 4, 4], pass);
    expect(before).toBe(`graph(x: f32 [1, 2, 4, 4]) {
  %2 = conv2d(x, conv.weight) stride=[1, 1]: f32 [1, 3, 2, 2]  # conv
  %7 = batchNorm(%2, bn.running_mean, bn.running_var, bn.weight, bn.bias) epsilon=0.00001: f32 [1, 3, 2, 2]  # bn
  return %7
}`);
    expect(after).toBe(`graph(x: f32 [1, 2, 4, 4]) {
  %7 = conv2d(x, conv + bn: weight, conv + bn: bias) stride=[1, 1]: f32 [1, 3, 2, 2]  # conv + bn
  return %7
}`);
    const [weight, bias] = await Promise.all(graph.constants().map((value) => numbers(value.constant!)));
    const [w, gamma, beta, mean, variance] = await Promise.all(
      [
        parts.conv.weight,
        parts.bn.weight!,
        parts.bn.bias!,
        parts.bn.running_mean!,
        parts.bn.running_var!,
      ].map(numbers),
    );
    const scale = gamma!.map((value, k) => value / Math.sqrt(variance![k]! + Math.fround(1e-5)));
    // Computed in f64 and rounded once: equal to the rounded exact value, but for the last place.
    const close = 2 ** -23;
    expectClose(
      weight!,
      w!.map((value, index) => value * scale[Math.floor(index / 18)]!),
      close,
    );
    expectClose(
      bias!,
      beta!.map((value, k) => value - mean![k]! * scale[k]!),
      close,
    );
  });

  it('also into grouped ones with a bias, without affine, and into linear layers of [n, c]', async () => {
    const grouped = net(
      { conv: new Conv2d(4, 6, 3, { groups: 2 }), bn: new BatchNorm2d(6, { affine: false }) },
      ({ conv, bn }, x) => bn.forward(conv.forward(x!)),
    );
    expect((await beforeAndAfter(grouped, [1, 4, 4, 4], pass)).counts).toEqual([1]);
    const linear = net({ fc: new Linear(4, 3), bn: new BatchNorm1d(3) }, ({ fc, bn }, x) =>
      bn.forward(fc.forward(x!)),
    );
    expect((await beforeAndAfter(linear, [2, 4], pass)).after).toBe(`graph(x: f32 [2, 4]) {
  %8 = linear(x, fc + bn: weight, fc + bn: bias): f32 [2, 3]  # fc + bn
  return %8
}`);
  });

  it('takes over the residual and activation that the batch-norm had', async () => {
    const model = net({ conv: new Conv2d(2, 2, 1), bn: new BatchNorm2d(2) }, ({ conv, bn }, x) =>
      ops.batchNorm(conv.forward(x!), {
        mean: bn.running_mean!,
        variance: bn.running_var!,
        residual: x!,
        activation: 'relu',
      }),
    );
    expect((await beforeAndAfter(model, [1, 2, 2, 2], pass)).after).toBe(`graph(x: f32 [1, 2, 2, 2]) {
  %6 = conv2d(x, conv + batchNorm: weight, conv + batchNorm: bias, x) stride=[1, 1] activation=relu: f32 [1, 2, 2, 2]  # conv + batchNorm
  return %6
}`);
  });

  it.each<[string, (conv: Conv2d, bn: BatchNorm2d) => AnyModule, number[]]>([
    [
      'before the convolution',
      (conv, bn) => net({ conv, bn }, (_, x) => conv.forward(bn.forward(x!))),
      [1, 2, 2, 2],
    ],
    [
      'of a result that others use',
      (conv, bn) =>
        net({ conv, bn }, (_, x) => {
          const y = conv.forward(x!);
          return bn.forward(y).add(y);
        }),
      [1, 2, 2, 2],
    ],
    [
      'of a result that is returned',
      (conv, bn) =>
        net({ conv, bn }, (_, x) => {
          const y = conv.forward(x!);
          return [bn.forward(y), y];
        }),
      [1, 2, 2, 2],
    ],
    [
      'after an activation',
      (conv, bn) => net({ conv, bn }, (_, x) => bn.forward(conv.forward(x!).relu())),
      [1, 2, 2, 2],
    ],
    [
      'after an epilogue',
      (conv, bn) =>
        net({ conv, bn }, (_, x) => bn.forward(ops.conv2d(x!, conv.weight, { activation: 'relu' }))),
      [1, 2, 2, 2],
    ],
    [
      'with weights that are computed',
      (conv, bn) => net({ conv, bn }, (_, x) => bn.forward(ops.conv2d(x!, x!.reshape([2, 2, 1, 1])))),
      [1, 2, 2, 1],
    ],
    [
      'that has statistics of the batch only',
      (conv) =>
        net({ conv, own: new BatchNorm2d(2, { trackRunningStats: false }) }, ({ own }, x) =>
          own.forward(conv.forward(x!)),
        ),
      [1, 2, 2, 2],
    ],
  ])('leaves alone a batch-norm %s', async (_, make, shape) => {
    const model = make(new Conv2d(2, 2, 1), new BatchNorm2d(2));
    expect((await beforeAndAfter(model.eval(), shape, pass)).counts).toEqual([0]);
  });

  it('leaves alone a batch-norm over positions of a linear layer of three dimensions', async () => {
    const model = net({ fc: new Linear(4, 3), bn: new BatchNorm1d(5) }, ({ fc, bn }, x) =>
      bn.forward(fc.forward(x!)),
    );
    expect((await beforeAndAfter(model, [2, 5, 4], pass)).counts).toEqual([0]);
  });
});
