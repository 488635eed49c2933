// A worker thread that runs a network until it is told the number of runs to do, or for ever.

import { parentPort, workerData } from 'node:worker_threads';
import { compile } from '@fusor/layers';
import { manualSeed } from '@fusor/native';
import { cifarResnet20 } from '@fusor/resnet';

const { runs } = workerData as { readonly runs: number };
manualSeed(3);
const plan = await compile(cifarResnet20().eval(), { input: [4, 3, 32, 32] });
const images = new Float32Array(4 * 3 * 32 * 32).fill(0.25);
for (let run = 0; run < runs; ++run) {
  using output = await plan.run(images);
  const logits = await output.data('f32');
  parentPort!.postMessage({ run, logits });
}
