// `gpu/check bench:fusor [NET [BATCH...]]`: whole networks compiled, with random weights and images. Inputs lie on the device, in
// turns more of them than the L2 holds; runs are issued without waiting and timed together, and the median over rounds is
// what is told. Beside it the plan's steps by the device's own clock, one by one in a file per case.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '@fusor/layers';
import { manualSeed, synchronize, Tensor } from '@fusor/native';
import { findModel } from '@fusor/resnet';

const NETWORKS = ['resnet50', 'resnet18', 'resnet34'];
const BATCHES = [256, 32, 8, 1];
const L2_BYTES = 128 << 20; // more than that of any GPU so far
const ROUNDS = 9;
const ROUND_SECONDS = 0.25;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

export async function measure(name, batch, { title, dtype, chains }, { device, folder, isLate }) {
  const emulated = device.startsWith('cuda-emulated');
  const { create, inputShape } = findModel(name);
  manualSeed(1);
  const model = create().eval();
  const shape = [batch, ...inputShape];
  const plan = await compile(model, {
    input: { shape, dtype },
    device,
    dtype,
    chains,
    weights: 'release',
  });
  const bytes = shape.reduce((product, size) => product * size, dtype === 'f32' ? 4 : 2);
  const turns = emulated ? 1 : Math.min(64, Math.max(2, Math.ceil(L2_BYTES / bytes)));
  const images = Array.from({ length: turns }, () => Tensor.randn(shape).to(dtype).to(device));
  await synchronize(device);
  let next = 0;
  const runMany = async (count) => {
    const start = performance.now();
    const pending = [];
    for (let i = 0; i < count; ++i) {
      pending.push(plan.run(images[next++ % turns]));
      // Results that pile up would cost memory that no real program keeps.
      if (pending.length === 8) (await pending.shift()).dispose();
    }
    for (const run of pending) (await run).dispose();
    return (performance.now() - start) / count;
  };
  const warm = await runMany(emulated ? 1 : 3 * turns);
  const count = emulated ? 1 : Math.max(1, Math.ceil((ROUND_SECONDS * 1000) / warm));
  const rounds = [];
  for (let round = 0; round < (emulated ? 1 : ROUNDS) && !(round > 2 && isLate()); ++round) {
    rounds.push(await runMany(count));
  }
  const milliseconds = median(rounds);
  const profile = await plan.profile(images[0], { repeats: emulated ? 1 : 20 });
  writeFileSync(join(folder, `steps ${name} ${batch} ${title}.txt`.replaceAll(/,? /g, '-')), `${profile}\n`);
  for (const image of images) image.dispose();
  plan.dispose();
  return {
    'ms per run': milliseconds.toFixed(4),
    'images/s': ((batch * 1000) / milliseconds).toFixed(1),
    'fastest and slowest round, ms': `${Math.min(...rounds).toFixed(4)} to ${Math.max(...rounds).toFixed(4)}`,
    'steps by the device, ms': (profile.seconds * 1000).toFixed(4),
  };
}

/** What each network is compiled as. Chains (several convolutions in one kernel) are found in bottleneck networks only. */
function variantsOf(name, emulated) {
  const plain = [{ title: 'bf16', dtype: 'bf16' }];
  if (emulated) return plain;
  const chained = [
    { title: 'bf16, no chains', dtype: 'bf16', chains: false },
    { title: 'bf16, chains wherever they can be', dtype: 'bf16', chains: true },
  ];
  return [...plain, ...(name === 'resnet50' ? chained : []), { title: 'f32', dtype: 'f32' }];
}

export async function run(stage) {
  const { words, device, isDone, isLate, add } = stage;
  const emulated = device.startsWith('cuda-emulated');
  const networks = words[0] ? [words[0]] : emulated ? ['cifarResnet20'] : NETWORKS;
  const batches = words.length > 1 ? words.slice(1).map(Number) : emulated ? [1] : BATCHES;
  for (const name of networks) {
    for (const batch of batches) {
      for (const variant of variantsOf(name, emulated)) {
        const title = `${name}, batch ${batch}, ${variant.title}`;
        if (isDone(title)) continue;
        if (isLate()) return;
        const start = Date.now();
        try {
          const values = await measure(name, batch, variant, stage);
          add(title, { status: 'measured', values, seconds: (Date.now() - start) / 1000 });
        } catch (error) {
          add(title, { status: 'failed', detail: String(error.stack ?? error) });
        }
      }
    }
  }
}
