import { ops } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { beforeAndAfter, net, passNamed } from '../support/networks.ts';

const pass = passNamed('drop identities');

describe('drop identities', () => {
  it('takes out operations that change nothing, in a row and as results', async () => {
    const model = net({}, (_, x) => {
      const same = ops.pad(x!.reshape([2, 3]).permute([0, 1]).slice(0, 0, 2).expand([2, 3]), [0, 0]);
      return [ops.concat([same]).relu(), same];
    });
    const { after, counts } = await beforeAndAfter(model, [2, 3], pass);
    expect(after).toBe(`graph(x: f32 [2, 3]) {
  %7 = unary(x) function=relu: f32 [2, 3]  # relu
  return [%7, x]
}`);
    expect(counts).toEqual([6]);
  });

  it('makes one reshape of two, and leaves the first to others that use it', async () => {
    const model = net({}, (_, x) => {
      const flat = x!.reshape([6]);
      return [flat.reshape([3, 2]), flat];
    });
    const { after } = await beforeAndAfter(model, [2, 3], pass);
    expect(after).toBe(`graph(x: f32 [2, 3]) {
  %1 = reshape(x) shape=[6]: f32 [6]  # reshape
  %2 = reshape(x) shape=[3, 2]: f32 [3, 2]  # reshape_1
  return [%2, %1]
}`);
  });

  it('keeps what keeps the shape but not the elements', async () => {
    const model = net({}, (_, x) => ops.pad(x!.transpose(0, 1), [1, -1]));
    const { counts } = await beforeAndAfter(model, [2, 2], pass);
    expect(counts).toEqual([0]);
  });
});
