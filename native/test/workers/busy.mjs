// A worker that is never done: a full queue, unsettled promises, live tensors and a plan running.
import { parentPort } from 'node:worker_threads';
import { ops, synchronize, Tensor } from '@fusor/native';
import { buildPlan } from '@fusor/native/trace';

const x = Tensor.ones([768, 768]);
const shape = [768, 768];
const plan = await buildPlan({
  values: [0, 1, 2].map((id) => ({ id, dtype: 'f32', shape })),
  nodes: [
    { op: 'matmul', attributes: {}, inputs: [0, 0], outputs: [1], name: 'first' },
    { op: 'matmul', attributes: {}, inputs: [1, 0], outputs: [2], name: 'second' },
  ],
  inputs: [0],
  outputs: [2],
});
for (let i = 0; i < 200; i++) {
  ops.matmul(x, x).data();
  plan.run([x]);
}
synchronize();
parentPort.postMessage('busy');
for (;;) await ops.matmul(x, x).data();
