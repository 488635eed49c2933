// Prints how late the event loop of a process is that does nothing, beside threads that compute: what the system's
// scheduler does to anybody on this machine at this moment. Argument: the number of threads.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

const busy = 'for (let x = 0; ; ) x += Math.random();';
const workers = Array.from({ length: Number(process.argv[2]) }, () => new Worker(busy, { eval: true }));
await sleep(300);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
await sleep(3000);
delay.disable();
console.log(
  JSON.stringify({ p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }),
);
await Promise.all(workers.map((worker) => worker.terminate()));
