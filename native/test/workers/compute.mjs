// A worker that computes for as long as it is asked, on tensors of its own.
import { parentPort, workerData } from 'node:worker_threads';
import { manualSeed, ops, Tensor } from '@fusor/native';

manualSeed(workerData.seed);
const x = Tensor.randn([64, 64]);
parentPort.postMessage('started');
let sum = 0;
for (let i = 0; i < workerData.rounds; i++) {
  const y = ops.matmul(x, x).relu();
  sum += await y.sum().item();
  y.dispose();
}
parentPort.postMessage(sum);
