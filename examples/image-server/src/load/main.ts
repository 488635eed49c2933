// `npm run load -- --weights resnet20.th --model cifarResnet20 --requests 100000`: the load test, with a table at the end.
import { findModel, type ModelEntry } from '@fusor/resnet';
import { Command } from 'commander';
import { type LoadOptions, runLoad } from './run.ts';

const options = new Command('load')
  .description('Puts an image server on this machine under load.')
  .requiredOption('--weights <file>', 'safetensors or PyTorch file')
  .option<ModelEntry>('--model <name>', 'a network of @fusor/resnet', findModel, findModel('cifarResnet20'))
  .option('--requests <n>', 'requests of the stage that watches the memory', Number, 10_000)
  .option('--seconds <s>', 'seconds of each other stage', Number, 10)
  .parse()
  .opts<LoadOptions>();
const { capacity, at80, overload, hostile, ...rest } = await runLoad(options);
const rows = Object.entries({
  capacity,
  '80% load': at80,
  '10x overload': overload,
  'with hostile': hostile,
});
console.table(
  Object.fromEntries(
    rows.map(([name, { p50, p99, perSecond, ...counts }]) => [
      name,
      {
        ...counts,
        'p50 ms': Number(p50.toFixed(1)),
        'p99 ms': Number(p99.toFixed(1)),
        '/s': Math.round(perSecond),
      },
    ]),
  ),
);
console.log(`resident memory, MB: ${rest.residentMegabytes.map((x) => x.toFixed(0)).join(' ')}`);
console.log(
  `after SIGTERM with 16 requests under way: ${rest.answeredWhileClosing} answered, exit status ${rest.exitStatus}`,
);
