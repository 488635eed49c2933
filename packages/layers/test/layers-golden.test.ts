import * as layers from '@fusor/layers';
import { type AnyModule, MultiheadAttention } from '@fusor/layers';
import { scope, type Tensor } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { expectClose, numbers } from './support/compare.ts';
import { type GoldenCase, readGolden, stateOf, tensorOf } from './support/golden.ts';

const golden = readGolden();

function build({ make: [type, args] }: GoldenCase): AnyModule {
  const Layer = (layers as unknown as Record<string, new (...args: unknown[]) => AnyModule>)[type]!;
  return new Layer(...args);
}

// Sums of up to 36 products of numbers below 10, and exponentials: a few units in the last place of the greatest.
const TOLERANCE = 3e-6;

describe('layers give what PyTorch gives', () => {
  it.each(golden.cases)('$name', async (test) => {
    const model = build(test).train(test.train ?? false);
    expect(Object.fromEntries([...model.stateDict()].map(([name, { shape }]) => [name, shape]))).toEqual(
      Object.fromEntries(Object.entries(test.state).map(([name, { shape }]) => [name, shape])),
    );
    model.loadStateDict(stateOf(test.state));
    const forward = model.forward as unknown as (...inputs: Tensor[]) => Tensor | (Tensor | null)[];
    const inputs = test.inputs.map(tensorOf);
    const result = scope(() => forward.apply(model, inputs));
    const outputs = Array.isArray(result) ? result : [result];
    expect(outputs.length).toBe(test.outputs.length);
    for (const [index, expected] of test.outputs.entries()) {
      const output = outputs[index] ?? null;
      if (expected === null) {
        expect(output).toBeNull();
        continue;
      }
      expect(output!.shape).toEqual(expected.shape);
      expectClose(await numbers(output!), expected.data, TOLERANCE);
    }
    for (const [name, expected] of Object.entries(test.after ?? {})) {
      expectClose(await numbers(model.stateDict().get(name)!), expected.data, TOLERANCE);
    }
  });
});

describe('MultiheadAttention takes masks as PyTorch does', () => {
  const { masks } = golden;
  const attention = new MultiheadAttention(8, 2);
  attention.loadStateDict(stateOf(masks.state));
  const x = tensorOf(masks.input);

  it('u8 masks forbid, per query and key and per key of a batch; weights come per head', async () => {
    const [output, weights] = attention.forward(x, x, x, {
      mask: tensorOf(masks.causal),
      keyPaddingMask: tensorOf(masks.padding),
      averageWeights: false,
    });
    expectClose(await numbers(output), masks.masked.data, TOLERANCE);
    expect(weights!.shape).toEqual(masks.weights.shape);
    expectClose(await numbers(weights!), masks.weights.data, TOLERANCE);
  });

  it('f32 masks are added, for each head; weights are left out where not needed', async () => {
    const [output, weights] = attention.forward(x, x, x, { mask: tensorOf(masks.bias), needWeights: false });
    expectClose(await numbers(output), masks.biased.data, TOLERANCE);
    expect(weights).toBeNull();
  });
});
