// What the engine does for a stranger's app, with results that can be told by hand; each line of the output is something that
// was seen. Nothing of a test framework: it runs wherever Node.js does.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { Conv2d, compile, Linear, MaxPool2d, ReLU, Sequential } from '@fusor/layers';
import {
  devices,
  emptyCache,
  getThreads,
  manualSeed,
  memory,
  ops,
  scope,
  setThreads,
  synchronize,
  Tensor,
} from '@fusor/native';

let proved = 0;
async function prove(what, run) {
  await run();
  proved += 1;
  console.log(`ok ${what}`);
}
const close = (values, expected, tolerance = 1e-6) => {
  assert.equal(values.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const bound = tolerance * Math.max(1, Math.abs(expected[i]));
    assert.ok(Math.abs(values[i] - expected[i]) <= bound, `[${i}]: ${values[i]}, not ${expected[i]}`);
  }
};
const small = () =>
  new Sequential(
    new Conv2d(3, 8, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(8, 4, 1),
  ).eval();

await prove('devices: the CPU first, with a name, cores and memory', async () => {
  const [cpu] = await devices();
  assert.equal(cpu.id, 'cpu');
  assert.ok(cpu.available && cpu.name.length > 3 && cpu.computeUnits >= 1 && cpu.memoryBytes > 2 ** 28);
  const wanted = process.env.FUSOR_ISA;
  if (wanted) assert.equal(cpu.instructionSet, wanted);
  console.log(`   ${cpu.name}, ${cpu.instructionSet}, ${cpu.computeUnits} cores`);
});

await prove('elementwise ops, broadcasting, dtypes', async () => {
  const x = Tensor.from([-2, -1, 0, 1, 2, 3], [2, 3]);
  close(await x.relu().data(), [0, 0, 0, 1, 2, 3]);
  close(await x.add(Tensor.from([10, 20, 30])).data(), [8, 19, 30, 11, 22, 33]);
  close(
    await ops.exp(x).data(),
    [-2, -1, 0, 1, 2, 3].map((value) => Math.exp(value)),
  );
  const integers = Tensor.from(new Int32Array([1, 2, 3, 4]), [2, 2]);
  assert.equal(integers.dtype, 'i32');
  assert.deepEqual([...(await integers.mul(3).data())], [3, 6, 9, 12]);
});

await prove('matmul of ragged shapes against sums in float64', async () => {
  manualSeed(7);
  for (const [m, k, n] of [
    [1, 1, 1],
    [7, 13, 5],
    [33, 65, 17],
    [129, 300, 67],
  ]) {
    const [a, b] = [Tensor.randn([m, k]), Tensor.randn([k, n])];
    const [left, right] = [await a.data(), await b.data()];
    const expected = Array.from({ length: m * n }, (_, at) => {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += left[Math.floor(at / n) * k + i] * right[i * n + (at % n)];
      return sum;
    });
    close(await ops.matmul(a, b).data(), expected, 1e-4);
  }
});

await prove('reductions, views and sorting', async () => {
  const x = Tensor.from([3, 1, 2, 6, 5, 4], [2, 3]);
  close(await ops.sum(x).data(), [21]);
  close(await ops.mean(x, 1).data(), [2, 5]);
  close(await x.permute([1, 0]).data(), [3, 6, 1, 5, 2, 4]);
  close(await ops.softmax(Tensor.zeros([1, 4]), 1).data(), [0.25, 0.25, 0.25, 0.25]);
});

await prove(
  'a network, eager and compiled, the same to 1e-5, and the same bits each run and with any threads',
  async () => {
    const model = small();
    const x = Tensor.randn([2, 3, 18, 22]);
    const eager = await model.forward(x).data();
    const plan = await compile(model, { input: x.shape });
    const first = await (await plan.run(x)).data();
    close(first, eager, 1e-5);
    const before = getThreads();
    for (const threads of [1, 2, 5]) {
      setThreads(threads);
      assert.deepEqual(await (await plan.run(x)).data(), first);
    }
    setThreads(before);
    plan.dispose();
  },
);

await prove('bad input is a typed error at once, with text that helps', async () => {
  const x = Tensor.zeros([1, 3, 8, 8]);
  assert.throws(() => ops.conv2d(x, Tensor.zeros([4, 5, 3, 3])), {
    code: 'ERR_FUSOR_SHAPE',
    message: /conv2d.*3.*5/,
  });
  assert.throws(() => Tensor.from([1, 2, 3], [2, 2]), { code: /^ERR_FUSOR_/ });
  assert.throws(() => Tensor.zeros([1], { device: 'cuda:77' }), { code: 'ERR_FUSOR_DEVICE' });
  assert.throws(() => setThreads(-1), { code: /^ERR_FUSOR_/ });
  await assert.rejects(compile(small(), { input: [1, 4, 8, 8] }), { code: /^ERR_FUSOR_/ });
  // More than there are addresses: refused in the stream, told where it is read, and everything works on.
  await assert.rejects(ops.sum(Tensor.zeros([2 ** 46])).data(), { code: 'ERR_FUSOR_OUT_OF_MEMORY' });
  close(await Tensor.ones([2]).data(), [1, 1]);
});

await prove('dispose() and scope() give memory back', async () => {
  await synchronize();
  // What earlier lines left may be collected at any moment, so there may be less than that, but no more.
  const x = Tensor.ones([1 << 20]);
  await synchronize();
  const { tensors, bytes } = memory('cpu');
  assert.ok(bytes >= 4 * 2 ** 20);
  x.dispose();
  assert.throws(() => x.relu(), { code: 'ERR_FUSOR_DISPOSED' });
  const kept = scope(() => Tensor.ones([3]).add(1).mul(2));
  close(await kept.data(), [4, 4, 4]);
  kept.dispose();
  await synchronize();
  emptyCache();
  assert.ok(memory('cpu').tensors < tensors);
  assert.ok(memory('cpu').bytes <= bytes - 4 * 2 ** 20);
});

await prove('what is measured is remembered in a file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fusor-tuning-'));
  try {
    const plan = await compile(small(), { input: [1, 3, 16, 16], tune: 'measure', cacheDirectory: folder });
    plan.dispose();
    assert.deepEqual(readdirSync(folder), ['tuning']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

await prove('the event loop goes on while a network runs', async () => {
  const wide = new Sequential(
    new Conv2d(64, 128, 3, { padding: 1 }),
    new ReLU(),
    new Conv2d(128, 64, 3),
  ).eval();
  const plan = await compile(wide, { input: [4, 64, 112, 112] });
  const x = Tensor.randn([4, 64, 112, 112]);
  await plan.run(x);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
  }, 1);
  delay.enable();
  const began = performance.now();
  for (let run = 0; run < 3; run++) (await plan.run(x)).dispose();
  const took = performance.now() - began;
  delay.disable();
  clearInterval(timer);
  // A run takes hundreds of milliseconds; a loop that waited for one would have had no ticks within it.
  console.log(
    `   ${ticks} ticks of a timer in ${took.toFixed(0)} ms, at most ${(delay.max / 1e6).toFixed(0)} ms late`,
  );
  assert.ok(ticks > 3);
  plan.dispose();
});

await prove('workers: each computes, one is terminated in the middle, nothing is left', async () => {
  const workers = [0, 1, 2].map(() => new Worker(new URL('./worker.mjs', import.meta.url)));
  const answers = workers.slice(0, 2).map(
    (worker) =>
      new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      }),
  );
  await new Promise((resolve) => workers[2].once('online', resolve));
  setTimeout(() => workers[2].terminate(), 30);
  for (const answer of await Promise.all(answers)) assert.ok(Math.abs(answer - 1) < 1e-5);
  await Promise.all(workers.map((worker) => worker.terminate()));
});

await prove('a linear layer after all that', async () => {
  const layer = new Linear(5, 7).eval();
  const x = Tensor.randn([3, 5]);
  const [weight, bias, values] = await Promise.all([layer.weight.data(), layer.bias.data(), x.data()]);
  const expected = Array.from({ length: 21 }, (_, at) => {
    const [row, column] = [Math.floor(at / 7), at % 7];
    let sum = bias[column];
    for (let i = 0; i < 5; i++) sum += values[row * 5 + i] * weight[column * 5 + i];
    return sum;
  });
  close(await layer.forward(x).data(), expected, 1e-5);
});

// What is queued when the program ends is dropped, and the process ends by itself.
for (let i = 0; i < 50; i++) Tensor.randn([64, 64]).matmul(Tensor.randn([64, 64]));
console.log(`${proved} of the engine's doings seen`);
