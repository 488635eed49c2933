// Terminates workers that hold tensors and a plan, and prints the blocks of memory after each.
// Arguments: how many workers, how many tensors in each.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { counts } from './counts.ts';

const [workers, tensors] = process.argv.slice(2).map(Number);
const script = new URL('./left.worker.js', import.meta.url);
const blocks: number[] = [];
for (let index = 0; index < workers!; ++index) {
  const worker = new Worker(script, { workerData: tensors });
  await once(worker, 'message');
  const exits = once(worker, 'exit');
  await worker.terminate();
  await exits;
  for (let round = 0; round < 3; ++round) {
    globalThis.gc!();
    await sleep(2);
  }
  blocks.push(counts()!.blocks);
}
console.log(JSON.stringify(blocks));
