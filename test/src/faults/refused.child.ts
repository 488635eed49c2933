// Does the same piece of work again and again while memory is refused to the engine, at a later request each time, and prints what
// came of it. Argument: the name of the work. FUSOR_REFUSALS and LD_PRELOAD are set: see refuse.cpp.

import { setImmediate } from 'node:timers/promises';
import { Conv2d, compile, ReLU, Sequential } from '@fusor/layers';
import { memory, OutOfMemoryError, ops, synchronize, Tensor } from '@fusor/native';
import { Refusals } from './refusals.ts';

export interface RefusedResult {
  /** Rounds in which something was refused. */
  readonly rounds: number;
  readonly refused: number;
  /** Rounds that ended in an error, and in the right result all the same. */
  readonly failed: number;
  readonly survived: number;
  readonly wrong: readonly string[];
}

const refusals = new Refusals(process.env.FUSOR_REFUSALS!);
const pixels = Float32Array.from({ length: 2 * 3 * 9 * 7 }, (_, i) => ((i * 37) % 11) - 5);
const weights = Float32Array.from({ length: 4 * 3 * 3 * 3 }, (_, i) => ((i * 23) % 7) - 3);

/** Works that give numbers, and dispose of all that they make. */
const works: Record<string, () => Promise<ArrayLike<number>>> = {
  async tensors() {
    using x = Tensor.from(pixels, [2, 3, 9, 7]);
    using turned = x.transpose(1, 3);
    using zeros = Tensor.zeros([2, 7, 9, 3]);
    using sum = ops.add(turned, zeros);
    const target = new Float32Array(pixels.length);
    await sum.readInto(target);
    return target;
  },
  async ops() {
    using x = Tensor.from(pixels, [2, 3, 9, 7]);
    using weight = Tensor.from(weights, [4, 3, 3, 3]);
    using y = ops.conv2d(x, weight, { padding: 1, activation: 'relu' });
    using pooled = ops.maxPool2d(y, 3, { stride: 2 });
    using rows = pooled.flatten(1);
    using chances = rows.softmax(-1);
    return chances.data('f32');
  },
  async plans() {
    const model = new Sequential(new Conv2d(3, 4, 3), new ReLU()).eval();
    try {
      const state = { '0.weight': Tensor.from(weights, [4, 3, 3, 3]), '0.bias': Tensor.zeros([4]) };
      try {
        model.loadStateDict(state);
      } finally {
        for (const tensor of Object.values(state)) tensor.dispose();
      }
      const plan = await compile(model, { input: [2, 3, 9, 7] });
      try {
        using result = await plan.run(pixels);
        return await result.data('f32');
      } finally {
        plan.dispose();
      }
    } finally {
      model.dispose();
    }
  },
};

/** Tensors and plans that are left when the collector has taken what an error left to it. */
async function left(): Promise<{ tensors: number; plans: number }> {
  for (let i = 0; i < 2; ++i) {
    globalThis.gc!();
    await setImmediate(); // finalizers run between turns
  }
  return memory();
}

const work = works[process.argv[2]!]!;
const expected = Array.from(await work());
await synchronize();
const before = await left();
const tally = { rounds: 0, refused: 0, failed: 0, survived: 0 };
const wrong: string[] = [];

async function round(nth: number, onwards: boolean): Promise<boolean> {
  const name = `request ${nth}${onwards ? ' and all later ones' : ''}`;
  refusals.arm(nth, onwards);
  let numbers: ArrayLike<number> | undefined;
  let error: unknown;
  try {
    numbers = await work();
    await synchronize();
  } catch (caught) {
    error = caught;
  }
  const { refused } = refusals.disarm();
  if (refused === 0) {
    if (error !== undefined) wrong.push(`${name}: nothing was refused, but: ${error}`);
    return false;
  }
  tally.rounds += 1;
  tally.refused += refused;
  if (error === undefined) {
    tally.survived += 1;
    if (!expected.every((value, i) => value === numbers![i])) wrong.push(`${name}: wrong numbers`);
  } else {
    tally.failed += 1;
    if (!(error instanceof OutOfMemoryError)) wrong.push(`${name}: ${(error as Error).stack ?? error}`);
  }
  // What failed may be reported once more by whoever waits for all of the work.
  await synchronize().catch(() => undefined);
  const again = await work();
  if (!expected.every((value, i) => value === again[i]))
    wrong.push(`${name}: the same work is wrong afterwards`);
  return true;
}

async function checkLeft(name: string): Promise<void> {
  const after = await left();
  if (after.tensors > before.tensors || after.plans > before.plans) {
    wrong.push(
      `${name}: left ${after.tensors - before.tensors} tensors, ${after.plans - before.plans} plans`,
    );
  }
}

for (const onwards of [false, true]) {
  // Which request is the n-th differs a little from run to run: threads ask, too. A few in a row that do not come about are the end.
  for (let nth = 1, without = 0; without < 3 && wrong.length < 10; ++nth) {
    without = (await round(nth, onwards)) ? 0 : without + 1;
    if (without === 3 || nth % 32 === 0) await checkLeft(`requests up to ${nth}`);
  }
}
const result: RefusedResult = { ...tally, wrong };
console.log(JSON.stringify(result));
