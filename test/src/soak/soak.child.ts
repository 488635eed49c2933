// Creates, runs, disposes and terminates for as long as it is told, and prints the process's memory along the way.
// Argument: seconds.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { BatchNorm2d, Conv2d, compile, Linear, Module, ReLU } from '@fusor/layers';
import { memory, scope, synchronize, Tensor } from '@fusor/native';
import { Random } from '../oracle/random.ts';
import { type Counts, counts } from './counts.ts';

/** What was done, and the memory after each cycle of it. */
export interface SoakResult {
  readonly cycles: number;
  readonly runs: number;
  readonly eagerRuns: number;
  readonly compiles: number;
  readonly workersTerminated: number;
  readonly residentMegabytes: readonly number[];
  /** Empty if nobody counts. */
  readonly counted: readonly Counts[];
  /** Tensors and plans alive after each cycle, beyond those before the first. */
  readonly tensorsLeft: readonly number[];
  readonly plansLeft: readonly number[];
  readonly wrong: number;
}

class Network extends Module {
  readonly conv: Conv2d;
  readonly norm: BatchNorm2d;
  readonly relu: ReLU = new ReLU();
  readonly head: Linear;

  constructor(channels: number, size: number) {
    super();
    this.conv = new Conv2d(3, channels, 3, { padding: 1, bias: false });
    this.norm = new BatchNorm2d(channels);
    this.head = new Linear(channels * size * size, 100);
  }

  override forward(x: Tensor): Tensor {
    const features = this.relu.forward(this.norm.forward(this.conv.forward(x)));
    return this.head.forward(features.reshape([x.shape[0]!, -1]));
  }
}

const milliseconds = Number(process.argv[2]) * 1000;
const script = new URL('./worker.child.js', import.meta.url);
const random = new Random(1);
const residentMegabytes: number[] = [];
const counted: Counts[] = [];
const tensorsLeft: number[] = [];
const plansLeft: number[] = [];
const tally = { cycles: 0, runs: 0, eagerRuns: 0, compiles: 0, workersTerminated: 0, wrong: 0 };
const before = memory();

for (const begin = performance.now(); performance.now() - begin < milliseconds; ++tally.cycles) {
  // Alternately disposed and left to the collector.
  await network(tally.cycles % 2 === 0);
  await doomedWorker();
  await settle();
  residentMegabytes.push(process.memoryUsage.rss() / 2 ** 20);
  const held = counts();
  if (held !== undefined) counted.push(held);
  const now = memory();
  tensorsLeft.push(now.tensors - before.tensors);
  plansLeft.push(now.plans - before.plans);
}
console.log(JSON.stringify({ ...tally, residentMegabytes, counted, tensorsLeft, plansLeft }));

async function network(tidy: boolean): Promise<void> {
  const [channels, size, batch] = [random.pick([4, 8, 17]), random.pick([8, 13, 16]), random.integer(1, 4)];
  const shape = [batch, 3, size, size];
  const image = new Float32Array(batch * 3 * size * size).map((_, index) => (index % 9) - 4);
  const model = new Network(channels, size).eval();
  const plan = await compile(model, { input: shape });
  ++tally.compiles;
  let first: Float32Array | undefined;
  for (let run = 0; run < 100; ++run) {
    const output = (await plan.run(image)) as Tensor;
    const data = (await output.data()) as Float32Array;
    first ??= data;
    if (!data.every((value, index) => Object.is(value, first![index]))) ++tally.wrong;
    if (tidy) output.dispose();
    ++tally.runs;
  }
  for (let run = 0; run < 10; ++run) {
    const output = scope(() => model.forward(Tensor.from(image, shape)));
    const data = (await output.data()) as Float32Array;
    if (!data.every((value, index) => Math.abs(value - first![index]!) < 1e-2)) ++tally.wrong;
    if (tidy) output.dispose();
    ++tally.eagerRuns;
  }
  if (!tidy) return;
  plan.dispose();
  model.dispose();
}

/** A worker thread that computes without end, ended at any moment of its life. */
async function doomedWorker(): Promise<void> {
  const worker = new Worker(script);
  const exits = once(worker, 'exit');
  if (random.chance(0.8)) await Promise.race([once(worker, 'message'), exits]);
  await sleep(random.integer(0, 40));
  await worker.terminate();
  await exits;
  ++tally.workersTerminated;
}

async function settle(): Promise<void> {
  for (let round = 0; round < 3; ++round) {
    globalThis.gc!();
    await sleep(2);
  }
  await synchronize();
}
