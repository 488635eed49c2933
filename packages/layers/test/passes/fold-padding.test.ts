import { Conv2d, ReflectionPad2d, ZeroPad2d } from '@fusor/layers';
import { describe, expect, it } from 'vitest';
import { beforeAndAfter, net, passNamed } from '../support/networks.ts';

const pass = passNamed('fold padding');
const conv = () => new Conv2d(2, 2, 3, { padding: 1, bias: false });

describe('fold padding', () => {
  it('adds zeros around an image to the padding of the convolution', async () => {
    const model = net({ pad: new ZeroPad2d([1, 2, 3, 4]), conv: conv() }, (parts, x) =>
      parts.conv.forward(parts.pad.forward(x!)),
    );
    const { before, after } = await beforeAndAfter(model, [1, 2, 5, 5], pass);
    expect(before).toBe(`graph(x: f32 [1, 2, 5, 5]) {
  %1 = pad(x) before=[0, 0, 3, 1] after=[0, 0, 4, 2] mode=constant value=0: f32 [1, 2, 12, 8]  # pad
  %3 = conv2d(%1, conv.weight) stride=[1, 1] padding=[1, 1, 1, 1]: f32 [1, 2, 12, 8]  # conv
  return %3
}`);
    expect(after).toBe(`graph(x: f32 [1, 2, 5, 5]) {
  %3 = conv2d(x, conv.weight) stride=[1, 1] padding=[4, 5, 2, 3]: f32 [1, 2, 12, 8]  # pad + conv
  return %3
}`);
  });

  it.each([
    ['that cuts off', new ZeroPad2d([-1, 0, 0, 0])],
    ['that mirrors', new ReflectionPad2d(1)],
  ])('keeps padding %s', async (_, pad) => {
    const model = net({ pad, conv: conv() }, (parts, x) => parts.conv.forward(parts.pad.forward(x!)));
    expect((await beforeAndAfter(model, [1, 2, 5, 5], pass)).counts).toEqual([0]);
  });

  it('keeps padding of channels, with other values, and that others use', async () => {
    const channels = net({ conv: new Conv2d(4, 2, 3) }, (parts, x) =>
      parts.conv.forward(x!.pad([0, 0, 0, 0, 1, 1])),
    );
    expect((await beforeAndAfter(channels, [1, 2, 5, 5], pass)).counts).toEqual([0]);
    const ones = net({ conv: conv() }, (parts, x) => parts.conv.forward(x!.pad([1, 1], { value: 1 })));
    expect((await beforeAndAfter(ones, [1, 2, 5, 5], pass)).counts).toEqual([0]);
    const shared = net({ conv: conv() }, (parts, x) => {
      const padded = x!.pad([1, 1]);
      return [parts.conv.forward(padded), padded];
    });
    expect((await beforeAndAfter(shared, [1, 2, 5, 5], pass)).counts).toEqual([0]);
  });
});
