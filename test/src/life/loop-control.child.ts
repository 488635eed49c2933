// Prints how late the event loop of a process is that does nothing, beside threads that compute: what the system's
// scheduler does to anybody on this machine at this moment. Argument: the number of threads.

import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { watchLoop } from './loop-delay.ts';

const busy = 'for (let x = 0; ; ) x += Math.random();';
const workers = Array.from({ length: Number(process.argv[2]) }, () => new Worker(busy, { eval: true }));
await sleep(300);
const watch = watchLoop();
await sleep(3000);
console.log(JSON.stringify(watch.stop()));
await Promise.all(workers.map((worker) => worker.terminate()));
