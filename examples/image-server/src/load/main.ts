// `npm run load -- --requests 100000`: the load test, with a table at the end. The exit status is 1 if an answer was wrong or
// lost.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualSeed } from '@fusor/native';
import { findModel, type ModelEntry } from '@fusor/resnet';
import { Command } from 'commander';
import { runLoad } from './run.ts';

interface Options {
  readonly weights?: string;
  readonly model: ModelEntry;
  readonly requests: number;
  readonly seconds: number;
}

const options = new Command('load')
  .description('Puts an image server on this machine under load.')
  .option('--weights <file>', 'safetensors or PyTorch file (default: random weights)')
  .option<ModelEntry>('--model <name>', 'a network of @fusor/resnet', findModel, findModel('cifarResnet20'))
  .option('--requests <n>', 'requests of the stage that watches the memory', Number, 10_000)
  .option('--seconds <s>', 'seconds of each other stage', Number, 10)
  .parse()
  .opts<Options>();

const folder = await mkdtemp(join(tmpdir(), 'fusor-load-'));
try {
  const weights = options.weights ?? (await randomWeights(join(folder, 'random.safetensors'), options.model));
  const { capacity, at80, overload, hostile, ...rest } = await runLoad({ ...options, weights });
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
  const good = rows.every(([, { wrong, failed }]) => wrong === 0 && failed === 0);
  if (!good || rest.answeredWhileClosing !== 16 || rest.exitStatus !== 0) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function randomWeights(file: string, model: ModelEntry): Promise<string> {
  manualSeed(1);
  const network = model.create();
  await network.save(file);
  network.dispose();
  return file;
}
