import { Module } from '@fusor/layers';
import { ops, Tensor } from '@fusor/native';
import type { Random } from '../oracle/random.ts';

/** One line of a random network: what it computes from the values before it. */
interface Instruction {
  readonly text: string;
  run(values: readonly Tensor[]): Tensor;
}

const activations = [undefined, undefined, 'relu', 'relu', 'silu', 'gelu', { clamp: [-1, 1] }] as const;

/**
 * A random network of images: convolutions, batch-norms, sums, activations, pools, concatenations, slices and views in any
 * order that the shapes allow, with values used once, often or never. What passes and planners look for appears in it in all
 * variants, among them those that must be left alone.
 */
export class RandomNetwork extends Module {
  readonly #program: Instruction[] = [];
  readonly #outputs: number[];
  readonly weights: Tensor[] = [];

  constructor(random: Random, input: readonly number[], length: number) {
    super();
    const shapes: (readonly number[])[] = [input];
    const images = () =>
      shapes.flatMap((shape, at) => (shape.length === 4 && shape[2]! > 0 && shape[3]! > 0 ? [at] : []));
    while (this.#program.length < length) {
      // Mostly the last value, as in a network; now and then an old one.
      const all = images();
      const at = random.chance(0.75) ? all.at(-1)! : random.pick(all);
      const step = this.#step(random, shapes, at);
      if (step === undefined) continue;
      this.#program.push(step.instruction);
      shapes.push(step.shape);
    }
    const last = shapes.length - 1;
    this.#outputs = random.chance(0.3) ? [last, random.integer(0, last)] : [last];
  }

  override forward(x: Tensor): Tensor {
    const values = [x];
    for (const instruction of this.#program) values.push(instruction.run(values));
    return this.#outputs.map((at) => values[at]!) as unknown as Tensor;
  }

  /** The network as text, to find out what went wrong. */
  describe(): string {
    return [
      ...this.#program.map(({ text }, at) => `%${at + 1} = ${text}`),
      `return ${this.#outputs.map((at) => `%${at}`)}`,
    ].join('\n');
  }

  #weight(random: Random, shape: readonly number[], scale: number): Tensor {
    const { data } = random.floats(shape, -scale, scale);
    const weight = Tensor.from(data as Float32Array, shape);
    this.weights.push(weight);
    return weight;
  }

  #step(
    random: Random,
    shapes: readonly (readonly number[])[],
    at: number,
  ): { instruction: Instruction; shape: readonly number[] } | undefined {
    const [n, c, h, w] = shapes[at] as [number, number, number, number];
    const same = (text: string, run: (x: Tensor) => Tensor, shape: readonly number[] = [n, c, h, w]) => ({
      instruction: { text: `${text} %${at}`, run: (values: readonly Tensor[]) => run(values[at]!) },
      shape,
    });
    const equals = shapes.flatMap((shape, index) => (shape.join() === shapes[at]!.join() ? [index] : []));
    switch (random.integer(0, 13)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const depthwise = random.chance(0.1);
        const k = depthwise ? c : random.pick([1, 3, 8, 13, 16, 24, 32]);
        const kernel = random.pick([1, 1, 3, 3, 3, 5, 7]);
        const stride = random.pick([1, 1, 1, 2]);
        const padding = random.pick([0, kernel >> 1, kernel >> 1]);
        const [p, q] = [h, w].map((size) => Math.floor((size + 2 * padding - kernel) / stride) + 1) as [
          number,
          number,
        ];
        if (p < 1 || q < 1) return undefined;
        const shape = [n, k, p, q];
        const groups = depthwise ? c : 1;
        const weight = this.#weight(
          random,
          [k, c / groups, kernel, kernel],
          1 / Math.sqrt((c / groups) * kernel * kernel),
        );
        const bias = random.chance() ? this.#weight(random, [k], 0.5) : undefined;
        const activation = random.pick(activations);
        const residuals = shapes.flatMap((other, index) => (other.join() === shape.join() ? [index] : []));
        const residual = residuals.length > 0 && random.chance(0.4) ? random.pick(residuals) : undefined;
        return {
          instruction: {
            text: `conv2d ${kernel}x${kernel} stride ${stride} padding ${padding} groups ${groups} to ${k}, bias ${bias !== undefined}, residual %${residual}, ${JSON.stringify(activation)} of %${at} [${[n, c, h, w]}]`,
            run: (values) =>
              ops.conv2d(values[at]!, weight, {
                stride,
                padding,
                groups,
                bias,
                activation,
                residual: residual === undefined ? undefined : values[residual],
              }),
          },
          shape,
        };
      }
      case 4: {
        const [mean, variance] = [
          this.#weight(random, [c], 0.2),
          ops.add(ops.abs(this.#weight(random, [c], 1)), 0.5),
        ];
        this.weights.push(variance);
        const [weight, bias] = random.chance(0.8)
          ? [this.#weight(random, [c], 1), this.#weight(random, [c], 1)]
          : [];
        return same('batchNorm', (x) => ops.batchNorm(x, { mean, variance, weight, bias }));
      }
      case 5:
        return same('relu', ops.relu);
      case 6: {
        const name = random.pick(['gelu', 'silu', 'sigmoid', 'tanh', 'identity', 'hardSwish'] as const);
        return same(name, (x) => ops[name](x));
      }
      case 7:
      case 8: {
        const other = random.pick(equals);
        const activation = random.pick(activations);
        return {
          instruction: {
            text: `residualAdd %${at} %${other} ${JSON.stringify(activation)}`,
            run: (values) => ops.residualAdd(values[at]!, values[other]!, { activation }),
          },
          shape: shapes[at]!,
        };
      }
      case 9: {
        if (h < 3 || w < 3) return undefined;
        const padding = random.integer(0, 1);
        const name = random.pick(['maxPool2d', 'avgPool2d'] as const);
        const size = (length: number) => Math.floor((length + 2 * padding - 3) / 2) + 1;
        return same(`${name} 3 stride 2 padding ${padding}`, (x) => ops[name](x, 3, { stride: 2, padding }), [
          n,
          c,
          size(h),
          size(w),
        ]);
      }
      case 10: {
        const other = random.pick(
          shapes.flatMap((shape, index) =>
            shape.length === 4 && shape[2] === h && shape[3] === w ? [index] : [],
          ),
        );
        return {
          instruction: {
            text: `concat %${at} %${other}`,
            run: (values) => ops.concat([values[at]!, values[other]!], 1),
          },
          shape: [n, c + shapes[other]![1]!, h, w],
        };
      }
      case 11: {
        if (c < 2) return undefined;
        const [start, end] = [random.integer(0, c >> 1), random.integer((c >> 1) + 1, c)];
        return same(`slice ${start} to ${end}`, (x) => ops.slice(x, 1, start, end), [n, end - start, h, w]);
      }
      case 12:
        return same('layerNorm of rows', (x) => ops.layerNorm(x, [w]));
      default: {
        // Out of the images' layout and back.
        const outputs = random.pick([h * w, 5, 8]);
        const weight = this.#weight(random, [outputs, h * w], 1 / Math.sqrt(h * w));
        const activation = random.pick(activations);
        return same(
          `linear over pixels to ${outputs}`,
          (x) =>
            ops.reshape(ops.linear(ops.reshape(x, [-1, c, h * w]), weight, { activation }), [
              -1,
              c,
              1,
              outputs,
            ]),
          [n, c, 1, outputs],
        );
      }
    }
  }
}
