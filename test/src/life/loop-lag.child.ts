// Loads, compiles and runs ResNet-50 and prints how late the event loop was meanwhile. Argument: a weights file.

import { setTimeout as sleep } from 'node:timers/promises';
import { compile } from '@fusor/layers';
import { resnet50 } from '@fusor/resnet';
import { watchLoop } from './loop-delay.ts';

/** Runs for about this long, or longer where the machine is so busy that this gives few runs or ticks to judge by. */
const runMilliseconds = 5000;
const leastRuns = 6;
const leastTicks = 1500;

// Importing modules blocks; that is Node's doing and over by now.
await sleep(50);
const watch = watchLoop();

const model = resnet50().eval();
await model.load(process.argv[2]!);
const plan = await compile(model, { input: [1, 3, 224, 224] });

const image = new Float32Array(3 * 224 * 224).fill(0.5);
let runs = 0;
for (
  const begin = performance.now();
  performance.now() - begin < runMilliseconds || runs < leastRuns || watch.ticks() < leastTicks;
  ++runs
) {
  using output = await plan.run(image);
  await output.data();
}
console.log(JSON.stringify({ runs, ...watch.stop() }));
plan.dispose();
