import {
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  Linear,
  Module,
  MultiheadAttention,
  ReLU,
  Sequential,
  summary,
} from '@fusor/layers';
import { ArgumentError, memory, type Tensor } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { settledMemory } from '../../../native/test/settled-memory.ts';
import { net } from './support/networks.ts';

class Block extends Module {
  conv = new Conv2d(4, 4, 3, { padding: 1, bias: false });
  bn = new BatchNorm2d(4);
  relu = new ReLU();
  override forward(x: Tensor): Tensor {
    return this.relu.forward(this.bn.forward(this.conv.forward(x)).add(x));
  }
}

describe('summary', () => {
  const model = new Sequential(
    new Conv2d(3, 4, 3, { stride: 2 }),
    new Block(),
    new Dropout(),
    new Flatten(),
    new Linear(36, 10),
  );

  it('tells shapes, parameters and operations of every call, in training mode too', () => {
    const { rows, parameters, buffers, flops } = summary(model, [1, 3, 8, 8]);
    expect(rows.map(({ path, type, depth }) => [path, type, depth])).toEqual([
      ['', 'Sequential', 0],
      ['0', 'Conv2d', 1],
      ['1', 'Block', 1],
      ['1.conv', 'Conv2d', 2],
      ['1.bn', 'BatchNorm2d', 2],
      ['1.relu', 'ReLU', 2],
      ['2', 'Dropout', 1],
      ['3', 'Flatten', 1],
      ['4', 'Linear', 1],
    ]);
    expect(rows.map((row) => row.outputShapes[0])).toEqual([
      [1, 10],
      ...Array(6).fill([1, 4, 3, 3]),
      [1, 36],
      [1, 10],
    ]);
    expect(rows.map((row) => row.parameters)).toEqual([0, 112, 0, 144, 8, 0, 0, 0, 370]);
    expect(parameters).toBe(112 + 144 + 8 + 370);
    expect(buffers).toBe(9);
    const expected = [0, 2 * 36 * 27, 0, 2 * 36 * 36, 0, 0, 0, 0, 2 * 360];
    expect(rows.map((row) => row.flops)).toEqual(expected);
    expect(flops).toBe(expected.reduce((a, b) => a + b));
    expect(model.training).toBe(true);
    expect(model.modules().every((module) => module.training)).toBe(true);
  });

  it('prints a table', () => {
    expect(summary(model, [1, 3, 8, 8]).toString()).toBe(`layer                output        parameters  MFLOP
-------------------  ------------  ----------  -----
Sequential           [1, 10]
  0: Conv2d          [1, 4, 3, 3]         112   0.00
  1: Block           [1, 4, 3, 3]
    conv: Conv2d     [1, 4, 3, 3]         144   0.00
    bn: BatchNorm2d  [1, 4, 3, 3]           8
    relu: ReLU       [1, 4, 3, 3]
  2: Dropout         [1, 4, 3, 3]
  3: Flatten         [1, 36]
  4: Linear          [1, 10]              370   0.00

634 parameters, 5.26 kFLOP (two for each multiply-add)`);
  });

  it('counts shared parameters once, groups, batches and matrix products', () => {
    const conv = new Conv2d(4, 4, 1, { groups: 2, bias: false });
    const twice = summary(new Sequential(conv, conv), ['n', 4, 5, 5]);
    expect(twice.parameters).toBe(8);
    expect(twice.rows.map((row) => row.parameters)).toEqual([0, 8, 0]);
    expect(twice.flops).toBe(2 * (2 * 100 * 2));
    expect(summary(conv, [3, 4, 5, 5]).flops).toBe(3 * 2 * 100 * 2);
    const product = net({}, (_, a, b) => a!.matmul(b!));
    expect(
      summary(product, [
        [2, 3, 4],
        [4, 5],
      ]).flops,
    ).toBe(2 * 2 * 3 * 5 * 4);
    const attention = summary(new MultiheadAttention(8, 2, { batchFirst: true }), [1, 3, 8]);
    expect(attention.parameters).toBe(4 * 64 + 32);
    expect(attention.rows[0]!.outputShapes).toEqual([
      [1, 3, 8],
      [1, 3, 3],
    ]);
  });

  it('computes nothing and leaves no memory behind', async () => {
    // Settled: modules of the tests before are not collected in between.
    const before = (await settledMemory()).tensors;
    summary(model, [64, 3, 8, 8]);
    expect(memory().tensors).toBe(before);
  });

  it('refuses what is no module', () => {
    expect(() => summary(3 as never, [1])).toThrow(ArgumentError);
  });
});
