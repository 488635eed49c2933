// A worker thread that creates, compiles, runs and disposes until it is terminated.

import { parentPort } from 'node:worker_threads';
import { Conv2d, compile, ReLU, Sequential } from '@fusor/layers';
import { ops, scope, Tensor } from '@fusor/native';

const image = new Float32Array(2 * 3 * 12 * 12).fill(0.5);
const shape = [2, 3, 12, 12];
for (let round = 0; ; ++round) {
  const model = new Sequential(new Conv2d(3, 8, 3), new ReLU(), new Conv2d(8, 8, 3)).eval();
  const plan = await compile(model, { input: shape });
  for (let run = 0; run < 20; ++run) {
    const output = (await plan.run(image)) as Tensor;
    // Not awaited: there is always something queued.
    output.data().catch(() => undefined);
    const eager = scope(() => ops.matmul(Tensor.ones([96, 96]), Tensor.ones([96, 96])));
    if (run % 2 === 0) {
      eager.dispose();
      output.dispose();
    }
  }
  if (round === 0) parentPort!.postMessage('running');
  if (round % 2 === 0) plan.dispose();
}
