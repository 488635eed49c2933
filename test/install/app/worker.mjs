// Fusor in the main thread and in two workers at once; one is terminated in the middle of its work.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { ops, Tensor } from '@fusor/native';

async function work(rounds) {
  let x = Tensor.ones([64, 64]);
  for (let i = 0; i < rounds; i++) x = ops.matmul(x, Tensor.full([64, 64], 1 / 64));
  return (await x.data())[0];
}

if (isMainThread) {
  const file = new URL(import.meta.url);
  const answers = [0, 1].map(
    () =>
      new Promise((resolve, reject) => {
        const worker = new Worker(file);
        worker.once('message', resolve);
        worker.once('error', reject);
      }),
  );
  const doomed = new Worker(file);
  await new Promise((resolve) => doomed.once('online', resolve));
  setTimeout(() => doomed.terminate(), 30);
  const values = [await work(10), ...(await Promise.all(answers))];
  if (values.some((value) => Math.abs(value - 1) > 1e-5)) throw new Error(`wrong: ${values}`);
  console.log('fusor works in workers');
} else {
  parentPort.postMessage(await work(50));
}
