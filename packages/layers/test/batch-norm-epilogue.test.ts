import { BatchNorm1d, BatchNorm2d, compile } from '@fusor/layers';
import { manualSeed, ops, Tensor } from '@fusor/native';
import { describe, expect, it } from 'vitest';

const activations = ['relu', 'gelu', 'gelu-tanh', 'silu', { clamp: [-0.5, 0.75] }] as const;

async function expectClose(actual: Tensor, expected: Tensor): Promise<void> {
  expect(actual.shape).toEqual(expected.shape);
  const [a, b] = [await actual.data(), await expected.data()];
  for (let i = 0; i < b.length; i++) expect(Math.abs(Number(a[i]) - Number(b[i]))).toBeLessThan(1e-5);
}

describe('batch-norm with an activation and a residual', () => {
  it.each(activations)(
    'gives what the operations one by one give, in inference and training: %j',
    async (activation) => {
      manualSeed(1);
      for (const training of [false, true]) {
        const fused = new BatchNorm2d(5, { activation });
        const plain = new BatchNorm2d(5);
        const x = Tensor.randn([2, 5, 3, 4]);
        const residual = Tensor.randn([2, 5, 3, 4]);
        fused.train(training);
        plain.train(training);
        const zeros = Tensor.zeros([2, 5, 3, 4]);
        const normal = plain.forward(x);
        await expectClose(fused.forward(x), ops.residualAdd(normal, zeros, { activation }));
        fused.loadStateDict(plain.stateDict());
        const again = training ? plain.forward(x) : normal;
        await expectClose(fused.forward(x, residual), ops.residualAdd(again, residual, { activation }));
      }
    },
  );

  it('prints the activation, and compiles', async () => {
    const layer = new BatchNorm1d(3, { activation: 'relu' }).eval();
    expect(String(layer)).toContain('activation');
    const plan = await compile(layer, { input: [2, 3] });
    const x = Tensor.from([
      [-1, 2, -3],
      [4, -5, 6],
    ]);
    await expectClose(await plan.run(x), layer.forward(x));
    plan.dispose();
  });
});
