// Runs a network, waits a second, and prints the processor time that the next two seconds of nothing took.

import { setTimeout as sleep } from 'node:timers/promises';
import { compile } from '@fusor/layers';
import { cifarResnet20 } from '@fusor/resnet';

const plan = await compile(cifarResnet20().eval(), { input: [8, 3, 32, 32] });
const images = new Float32Array(8 * 3 * 32 * 32);
for (let run = 0; run < 50; ++run) {
  using output = await plan.run(images);
  await output.data();
}
await sleep(1000);
const before = process.cpuUsage();
await sleep(2000);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ milliseconds: (user + system) / 1000 }));
