import { Conv2d, Linear } from '@fusor/layers';
import { Tensor } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { numbers } from '../support/compare.ts';
import { beforeAndAfter, net, passNamed } from '../support/networks.ts';

const pass = passNamed('fuse bias');

describe('fuse bias', () => {
  it('makes a bias of a constant for each channel', async () => {
    const shift = Tensor.from([1, 2, 3], [3, 1, 1]);
    const parts = { conv: new Conv2d(2, 3, 1, { bias: false }), shift };
    const model = net(parts, (own, x) => own.shift.add(own.conv.forward(x!)));
    const { before, after, graph } = await beforeAndAfter(model, [1, 2, 2, 2], pass);
    expect(before).toBe(`graph(x: f32 [1, 2, 2, 2]) {
  %2 = conv2d(x, conv.weight) stride=[1, 1]: f32 [1, 3, 2, 2]  # conv
  %4 = binary(shift, %2) function=add: f32 [1, 3, 2, 2]  # add
  return %4
}`);
    expect(after).toBe(`graph(x: f32 [1, 2, 2, 2]) {
  %4 = conv2d(x, conv.weight, conv + add: bias) stride=[1, 1]: f32 [1, 3, 2, 2]  # conv + add
  return %4
}`);
    expect(await numbers(graph.constants()[1]!.constant!)).toEqual([1, 2, 3]);
  });

  it('adds it to a bias that is there; a number goes to every channel; several in a row', async () => {
    const fc = new Linear(2, 3);
    fc.bias!.assign(Tensor.from([10, 20, 30]));
    const model = net({ fc, shift: Tensor.from([1, 2, 3]) }, (own, x) =>
      own.fc.forward(x!).add(0.5).add(own.shift),
    );
    const { counts, graph } = await beforeAndAfter(model, [4, 2], pass);
    expect(counts).toEqual([2]);
    expect(graph.nodes.length).toBe(1);
    const bias = graph.constants().at(-1)!.constant!;
    expect(await numbers(bias)).toEqual([11.5, 22.5, 33.5]);
  });

  it.each<[string, number[]]>([
    ['for each column', [2]],
    ['for each element', [1, 3, 2, 2]],
    ['that widens the result', [4, 3, 1, 1]],
    ['of more dimensions', [1, 1, 3, 1, 1]],
  ])('leaves alone a constant %s', async (_, shape) => {
    const parts = { conv: new Conv2d(2, 3, 1), shift: Tensor.ones(shape) };
    const model = net(parts, (own, x) => own.conv.forward(x!).add(own.shift));
    expect((await beforeAndAfter(model, [1, 2, 2, 2], pass)).counts).toEqual([0]);
  });
});
