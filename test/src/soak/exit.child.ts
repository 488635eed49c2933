// A process that ends in the middle of Fusor's work, in the manner that its argument names.

import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Conv2d, compile, ReLU, Sequential } from '@fusor/layers';
import { ops, Tensor } from '@fusor/native';

const [, , how, delay] = process.argv;
const worker = new URL('./worker.child.js', import.meta.url);

// A plan under way, eager work queued, results that nobody has read.
const model = new Sequential(new Conv2d(3, 32, 3), new ReLU(), new Conv2d(32, 32, 3)).eval();
const plan = await compile(model, { input: [4, 3, 64, 64] });
const image = new Float32Array(4 * 3 * 64 * 64).fill(0.5);
const x = Tensor.ones([256, 256]);
for (let run = 0; run < 60; ++run) {
  plan.run(image).catch(() => undefined);
  ops
    .matmul(x, x)
    .data()
    .catch(() => undefined);
}
await sleep(Number(delay));

switch (how) {
  case 'exit':
    process.exit(7);
    break;
  case 'throw':
    throw new Error('thrown on purpose');
  case 'reject':
    Promise.reject(new Error('rejected on purpose'));
    break;
  case 'end':
    break; // with everything still queued
  case 'exit-in-listener':
    process.once('beforeExit', () => process.exit(7));
    plan.dispose();
    break;
  case 'terminate-and-exit': {
    const busy = new Worker(worker);
    busy.once('message', () => {
      void busy.terminate();
      process.exit(7);
    });
    break;
  }
  case 'exit-in-worker': {
    // process.exit() in a worker ends the worker; the process goes on and ends by itself.
    const busy = new Worker(
      `import(${JSON.stringify(worker.href)}); setTimeout(() => process.exit(3), 150);`,
      { eval: true },
    );
    busy.once('exit', () => process.exit(7));
    break;
  }
  case 'signal':
    process.kill(process.pid, 'SIGTERM');
    break;
  default:
    throw new Error(`there is no way of ending called ${how}`);
}
