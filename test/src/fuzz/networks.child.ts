// Runs random networks eager and compiled, at several batches and in several ways of compiling, and prints what differs.
// Arguments: a seed, and how many networks.

import { compile, type Module } from '@fusor/layers';
import { memory, scope, setThreads, Tensor } from '@fusor/native';
import { Random } from '../oracle/random.ts';
import { RandomNetwork } from './program.ts';

/** What came of it. */
export interface NetworksResult {
  readonly networks: number;
  /** Elements that were compared. */
  readonly elements: number;
  readonly tensorsLeft: number;
  readonly wrong: readonly string[];
}

const seed = Number(process.argv[2]);
const count = Number(process.argv[3]);
const wrong: string[] = [];
let elements = 0;
let input: Tensor;

for (let index = 0; index < count; ++index) {
  const random = new Random(seed * 1_000_003 + index);
  const size = () => random.pick([6, 7, 8, 13, 14, 17, 28]);
  const shape = [random.integer(1, 3), random.pick([1, 3, 3, 8, 16, 19]), size(), size()];
  const network = scope(() => new RandomNetwork(random, shape, random.integer(2, 14)));
  const x = Tensor.from(random.floats(shape).data as Float32Array, shape);
  input = x;
  const options = {
    winograd: random.chance(0.8),
    deterministic: random.chance(0.2),
    threads: random.integer(1, 2),
  };
  const title = `seed ${seed}, network ${index}, input [${shape}], ${JSON.stringify(options)}:\n${network.describe()}\n`;
  try {
    setThreads(random.integer(1, 2));
    const outputs = scope(() => network.forward(x)) as unknown as Tensor[];
    const eager = await read(outputs);
    dispose(outputs);
    let rounding: readonly number[] | undefined;
    const free = random.chance(0.3) ? ['n' as const, ...shape.slice(1)] : shape;
    const plan = await compile(network as Module, { input: free, device: 'cpu', ...options });
    // Twice: the second run finds the arena full of the first one's values.
    for (let run = 0; run < 2; ++run) {
      const outputs = (await plan.run(x)) as unknown as Tensor[];
      const compiled = await read(outputs);
      dispose(outputs);
      for (const [at, expected] of eager.entries()) {
        const difference = greatestDifference(expected, compiled[at]!);
        elements += expected.length;
        if (difference <= 1e-4) continue;
        rounding ??= await roundingOf(network, x, eager);
        if (!(difference <= rounding[at]!))
          wrong.push(`${title}run ${run}, output ${at} differs by ${difference}`);
      }
    }
    plan.dispose();
  } catch (error) {
    wrong.push(`${title}${(error as Error).stack}`);
  }
  for (const tensor of [x, ...network.weights]) tensor.dispose();
}
await new Promise((resolve) => setImmediate(resolve));
console.log(
  JSON.stringify({ networks: count, elements, tensorsLeft: memory().tensors, wrong: wrong.slice(0, 5) }),
);

/**
 * How far rounding may move each output: an input that is changed by a unit in the last place is what one step's rounding
 * looks like to those after it, and there are as many steps as the network has. Two layer-norms of nearly equal elements in
 * a row multiply differences by thousands.
 */
async function roundingOf(
  network: RandomNetwork,
  x: Tensor,
  exact: readonly Float32Array[],
): Promise<number[]> {
  const values = (await x.data('f32')) as Float32Array;
  const greatest = exact.map(() => 0);
  for (const phase of [0, 1, 2]) {
    const moved = Tensor.from(
      values.map((value, index) => value * (1 + (((index + phase) % 3) - 1) * 2 ** -23)),
      x.shape,
    );
    const outputs = scope(() => network.forward(moved)) as unknown as Tensor[];
    const data = await read(outputs);
    for (const output of outputs) if (output !== moved) output.dispose();
    moved.dispose();
    for (const [at, expected] of exact.entries())
      greatest[at] = Math.max(greatest[at]!, greatestDifference(expected, data[at]!));
  }
  return greatest.map((difference) => difference * network.describe().split('\n').length);
}

/** All but the network's input, which it may give as it came. */
function dispose(outputs: readonly Tensor[]): void {
  for (const output of outputs) if (output !== input) output.dispose();
}

async function read(outputs: readonly Tensor[]): Promise<Float32Array[]> {
  const data = await Promise.all(outputs.map((output) => output.data('f32')));
  return data as Float32Array[];
}

/** Relative to the greatest element; of those that are no numbers, NaN unless both are not. */
function greatestDifference(expected: Float32Array, actual: Float32Array): number {
  const scale = expected.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 1);
  return expected.reduce(
    (greatest, value, index) => Math.max(greatest, Math.abs(value - actual[index]!) / scale),
    0,
  );
}
