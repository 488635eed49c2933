import {
  BatchNorm2d,
  Conv2d,
  compile,
  GELU,
  LayerNorm,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  SiLU,
} from '@fusor/layers';
import { manualSeed, ops, Tensor } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { expectTensorsClose } from './support/compare.ts';
import { randomize } from './support/networks.ts';

// Random networks of a dozen operations on one shape: uses in many places, sums of anything, epilogues that fit and
// that do not. What compile may not fuse is met here sooner or later.

const SHAPE = [2, 4, 6, 5] as const;

/** Numbers from 0 to 1 that depend on the seed only: xorshift32. */
function generator(seed: number): () => number {
  let state = seed * 2654435761;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

type Step = (values: Tensor[]) => Tensor;

class RandomNetwork extends Module<Tensor[], [x: Tensor]> {
  readonly parts: Module[] = [];
  readonly #steps: Step[] = [];
  readonly #results: number[];

  constructor(seed: number, length: number) {
    super();
    const random = generator(seed);
    const below = (limit: number): number => Math.floor(random() * limit);
    for (let made = 1; made <= length; made++) {
      // Late values are taken more often, so that chains grow.
      const pick = (): number => (random() < 0.6 ? made - 1 : below(made));
      this.#steps.push(this.#step(below(12), pick, below));
    }
    this.#results = [length, ...(random() < 0.3 ? [below(length + 1)] : [])];
  }

  #layer<L extends Module>(layer: L): L {
    this.parts.push(layer);
    return layer;
  }

  #step(kind: number, pick: () => number, below: (limit: number) => number): Step {
    const [a, b] = [pick(), pick()];
    switch (kind) {
      case 0:
      case 1: {
        const conv = this.#layer(
          new Conv2d(4, 4, 3, { padding: 1, bias: below(2) === 0, groups: 1 + below(2) }),
        );
        return (values) => conv.forward(values[a]!);
      }
      case 2: {
        const conv = this.#layer(new Conv2d(4, 4, 1));
        return (values) => conv.forward(values[a]!);
      }
      case 3:
      case 4: {
        const norm = this.#layer(new BatchNorm2d(4));
        return (values) => norm.forward(values[a]!);
      }
      case 5: {
        const activation = this.#layer([new ReLU(), new GELU(), new SiLU()][below(3)]!);
        return (values) => activation.forward(values[a]!);
      }
      case 6:
        return (values) => values[a]!.add(values[b]!);
      case 7: {
        const options = below(2) === 0 ? {} : ({ activation: 'relu' } as const);
        return (values) => ops.residualAdd(values[a]!, values[b]!, options);
      }
      case 8: {
        const shift = Tensor.from([0.5, -0.25, 0.125, 1], below(2) === 0 ? [4, 1, 1] : [1, 4, 1, 1]);
        return (values) => values[a]!.add(shift);
      }
      case 9: {
        const pool = this.#layer(new MaxPool2d(3, { stride: 1, padding: 1 }));
        return (values) => pool.forward(values[a]!);
      }
      case 10: {
        const linear = this.#layer(new Linear(5, 5));
        return (values) => linear.forward(values[a]!);
      }
      default: {
        const norm = this.#layer(new LayerNorm([6, 5]));
        return (values) => norm.forward(values[a]!);
      }
    }
  }

  override forward(x: Tensor): Tensor[] {
    const values = [x];
    for (const step of this.#steps) values.push(step(values));
    return this.#results.map((index) => values[index]!);
  }
}

describe('random networks give compiled what they give eagerly', () => {
  it.each(Array.from({ length: 80 }, (_, seed) => seed + 1))('seed %i', async (seed) => {
    const model = randomize(new RandomNetwork(seed, 14), seed).eval();
    manualSeed(seed);
    const x = Tensor.randn(SHAPE);
    const expected = model.forward(x);
    // Sums of sums grow; a network that overflows would show nothing.
    expect((await expected[0]!.data()).every((value) => Number.isFinite(Number(value)))).toBe(true);
    using plan = await compile(model, { input: SHAPE });
    const actual = await plan.run(x);
    for (const [index, tensor] of actual.entries()) await expectTensorsClose(tensor, expected[index]!, 2e-5);
  });
});
