// Two worker threads run a network at once; one is terminated in the middle. Prints what the other and, afterwards, the
// main thread computed. A crash shows as the exit status.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { compile } from '@fusor/layers';
import { manualSeed, memory, synchronize } from '@fusor/native';
import { cifarResnet20 } from '@fusor/resnet';

interface Message {
  readonly run: number;
  readonly logits: Float32Array;
}

const script = new URL('./worker.child.js', import.meta.url);
const steadyRuns = 200;
const equal = (a: Float32Array, b: Float32Array): boolean =>
  a.length === b.length && a.every((value, index) => Object.is(value, b[index]));

const steady = new Worker(script, { workerData: { runs: steadyRuns } });
const received: Message[] = [];
steady.on('message', (message: Message) => received.push(message));
const steadyEnds = once(steady, 'exit');

// Several victims, each ended at another moment of its life; their exit statuses.
const victims: number[] = [];
for (let victim = 0; victim < 5; ++victim) {
  const doomed = new Worker(script, { workerData: { runs: Number.MAX_SAFE_INTEGER } });
  let runs = 0;
  await new Promise<void>((resolve) => {
    doomed.on('message', () => {
      runs += 1;
      if (runs === 5 + victim) resolve();
    });
  });
  // No run is awaited here: the next one is under way.
  victims.push(await doomed.terminate());
}
const [steadyStatus] = await steadyEnds;

manualSeed(3);
const plan = await compile(cifarResnet20().eval(), { input: [4, 3, 32, 32] });
const output = await plan.run(new Float32Array(4 * 3 * 32 * 32).fill(0.25));
const logits = await output.data('f32');
output.dispose();
plan.dispose();
await synchronize();
// A plan goes with the next turn of the event loop: whoever waits for it comes first.
await sleep(50);
console.log(
  JSON.stringify({
    victims,
    steadyStatus,
    steadyRuns: received.length,
    steadySame: received.every((message) => equal(message.logits, logits)),
    plansAlive: memory().plans,
  }),
);
