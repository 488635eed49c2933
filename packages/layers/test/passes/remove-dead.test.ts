import { Linear } from '@fusor/layers';
import { describe, expect, it } from 'vitest';
import { beforeAndAfter, net, passNamed } from '../support/networks.ts';

const pass = passNamed('remove dead values');

describe('remove dead values', () => {
  it('takes out what nobody uses, and what only that used', async () => {
    const model = net({ spare: new Linear(2, 2, { bias: false }) }, ({ spare }, x) => {
      spare.forward(x!.relu()).mul(x!);
      return x!.exp();
    });
    const { before, after, counts } = await beforeAndAfter(model, [1, 2], pass);
    expect(before.split('\n').length).toBe(7);
    expect(after).toBe(`graph(x: f32 [1, 2]) {
  %5 = unary(x) function=exp: f32 [1, 2]  # exp
  return %5
}`);
    expect(counts).toEqual([3]);
  });

  it('keeps nodes of which one output is used, and a graph without nodes', async () => {
    const some = net({}, (_, x) => x!.topk(1).indices);
    expect((await beforeAndAfter(some, [3], pass)).counts).toEqual([0]);
    const none = net({}, (_, x) => x!);
    expect((await beforeAndAfter(none, [3], pass)).after).toBe('graph(x: f32 [3]) {\n  return x\n}');
  });
});
