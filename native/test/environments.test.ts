import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { memory, ops, synchronize, Tensor } from '@fusor/native';
import { expect, test } from 'vitest';

function start(file: string, workerData: unknown = undefined): Worker {
  return new Worker(new URL(`workers/${file}`, import.meta.url), { workerData });
}

async function result(worker: Worker): Promise<unknown> {
  const exited = once(worker, 'exit');
  let last: unknown;
  worker.on('message', (message) => {
    last = message;
  });
  await exited;
  return last;
}

test('workers compute at once, each with its own tensors, and agree with themselves', async () => {
  const workers = [1, 2, 1].map((seed) => start('compute.mjs', { seed, rounds: 100 }));
  const here = ops.matmul(Tensor.ones([300, 300]), Tensor.ones([300, 300]));
  const [first, second, third] = await Promise.all(workers.map(result));
  expect(first).toEqual(expect.any(Number));
  expect(first).toBe(third);
  expect(first).not.toBe(second);
  expect((await here.data())[0]).toBe(300);
});

test('a worker terminated in the middle of its work leaves nothing, and others go on', async () => {
  await synchronize();
  const before = memory();
  for (const delay of [0, 5, 40]) {
    const busy = start('busy.mjs');
    const other = result(start('compute.mjs', { seed: 3, rounds: 20 }));
    await once(busy, 'message');
    await new Promise((resolve) => setTimeout(resolve, delay));
    await busy.terminate();
    expect(await other).toEqual(expect.any(Number));
  }
  await synchronize();
  // Less, if the collector found something of this thread meanwhile.
  const { tensors, bytes, plans, planBytes } = memory();
  expect(tensors).toBeLessThanOrEqual(before.tensors);
  expect(bytes).toBeLessThanOrEqual(before.bytes);
  expect([plans, planBytes]).toEqual([0, 0]);
  expect(await Tensor.from([1, 2]).sum().item()).toBe(3);
});

test('a worker terminated while it loads does no harm', async () => {
  for (const delay of [0, 10, 30, 60]) {
    const worker = start('compute.mjs', { seed: 1, rounds: 1e9 });
    await new Promise((resolve) => setTimeout(resolve, delay));
    await worker.terminate();
  }
  expect(await Tensor.from(4).item()).toBe(4);
});

test('a tensor does not travel: it cannot be cloned to another environment', () => {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage({ shape: Tensor.from([1]).shape });
  port1.close();
  port2.close();
  // Private state is not cloned: what arrives is a plain object that no operation takes.
  const clone: unknown = structuredClone(Tensor.from([1]));
  expect(() => ops.relu(clone as Tensor)).toThrow(/x must be a Tensor/);
});
