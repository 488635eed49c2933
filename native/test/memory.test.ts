import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

/** Runs a module in a process of its own, with the collector at hand. What it prints last is the result, as JSON. */
async function inProcess(source: string): Promise<unknown> {
  const prelude = `import { emptyCache, memory, ops, scope, synchronize, Tensor, manualSeed } from '@fusor/native';
    import { buildPlan } from '@fusor/native/trace';
    const settle = async () => { for (let i = 0; i < 4; i++) { gc(); await new Promise((r) => setTimeout(r, 5)); } await synchronize(); };
    const print = (value) => console.log(JSON.stringify(value));\n`;
  const { stdout } = await run(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', prelude + source],
    {
      cwd: import.meta.dirname,
      timeout: 110_000,
    },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

test('memory() counts tensors once, views not, and until nothing needs them', async () => {
  const result = await inProcess(`
    const counts = [];
    const note = async () => { await synchronize(); counts.push([memory().tensors, memory().bytes]); };
    await note();
    const x = Tensor.zeros([1000]);
    const view = x.reshape([10, 100]);
    await note();
    x.dispose();
    await note();
    view.dispose();
    await note();
    counts.push(Object.keys(memory().devices));
    print(counts);`);
  expect(result).toEqual([[0, 0], [1, 4000], [1, 4000], [0, 0], ['cpu']]);
});

test('reservedBytes counts what is kept for the next tensors, emptyCache() gives it back', async () => {
  const result = await inProcess(`
    const mebibytes = () => Math.round(memory().reservedBytes / 2 ** 20);
    const sizes = [mebibytes()];
    const x = Tensor.zeros([4 << 20]);
    await synchronize();
    sizes.push(mebibytes());
    x.dispose();
    await synchronize();
    sizes.push(mebibytes());
    emptyCache('cpu');
    sizes.push(mebibytes());
    print(sizes);`);
  expect(result).toEqual([0, 16, 16, 0]);
});

test('all that a network needs of each size at once is kept for its next run, even if it is more than 256 MiB', async () => {
  const result = await inProcess(`
    const stage = (mebibytes) => scope(() => {
      const x = Tensor.ones([mebibytes << 18]);
      for (let i = 0; i < 3; ++i) x.add(1);
    });
    const run = async () => {
      for (const mebibytes of [60, 30, 15, 45, 22]) stage(mebibytes);
      await synchronize();
    };
    await run();
    const before = process.resourceUsage().minorPageFault;
    for (let i = 0; i < 4; ++i) await run();
    const pages = process.resourceUsage().minorPageFault - before;
    print([memory().bytes, memory().reservedBytes > 256 << 20, pages < 4 * 150, pages]);`);
  expect(result).toEqual([0, true, true, expect.any(Number)]);
});

test('a plan holds its weights and arena until it is disposed', async () => {
  const result = await inProcess(`
    const value = { dtype: 'f32', shape: [64, 64] };
    const weight = Tensor.ones([64, 64]);
    const plan = await buildPlan({
      values: [{ id: 0, ...value }, { id: 1, ...value, constant: weight }, { id: 2, ...value }, { id: 3, ...value }],
      nodes: [
        { op: 'matmul', attributes: {}, inputs: [0, 1], outputs: [2], name: 'first' },
        { op: 'matmul', attributes: {}, inputs: [2, 1], outputs: [3], name: 'second' },
      ],
      inputs: [0],
      outputs: [3],
    });
    weight.dispose();
    const { arenaBytes, packedBytes } = plan.summary();
    const held = [memory().plans, memory().planBytes === arenaBytes + packedBytes, packedBytes >= 4 * 64 * 64];
    const [output] = plan.run([new Float32Array(4096).fill(1)]).outputs;
    plan.dispose();
    const value00 = await output.slice(0, 0, 1).slice(1, 0, 1).item();
    output.dispose();
    await settle();
    print([...held, value00, memory().plans, memory().planBytes, memory().tensors]);`);
  expect(result).toEqual([1, true, true, 4096, 0, 0, 0]);
});

test('tensors that nobody holds are freed by the collector', async () => {
  const result = await inProcess(`
    for (let i = 0; i < 500; i++) Tensor.zeros([1000]).add(1).reshape([10, 100]);
    await synchronize();
    const before = memory();
    await settle();
    print([before.tensors > 0, memory().tensors, memory().bytes]);`);
  expect(result).toEqual([true, 0, 0]);
});

test('dispose() frees at once, without the collector', async () => {
  const result = await inProcess(`
    let most = 0;
    for (let i = 0; i < 2000; i++) {
      const x = Tensor.zeros([25_000]);
      const y = x.add(1);
      x.dispose();
      if (i % 50 === 0) await y.data();
      y.dispose();
      most = Math.max(most, memory().tensors);
    }
    await synchronize();
    print([memory().tensors, most]);`);
  const [left, most] = result as [number, number];
  expect(left).toBe(0);
  // What fifty rounds queue: zeros, the number 1 and the sum in each.
  expect(most).toBeLessThan(160);
});

test('the collector is told of native memory: large results without dispose do not pile up', async () => {
  const result = (await inProcess(`
    let most = 0;
    const x = Tensor.ones([1 << 20]);
    for (let i = 0; i < 1000; i++) {
      await x.add(i).slice(0, 0, 1).item();
      most = Math.max(most, memory().bytes);
    }
    print(most);`)) as number;
  // 4 GB were made, 4 MB at a time.
  expect(result).toBeLessThan(1e9);
});

test('ten thousand small operations, with and without dispose, keep the memory flat', async () => {
  const result = await inProcess(`
    const weight = Tensor.randn([64, 64]);
    const bias = Tensor.randn([64]);
    const step = async (dispose) => {
      const x = Tensor.randn([8, 64]);
      const y = ops.linear(x, weight, { bias, activation: 'relu' });
      const z = y.softmax();
      await z.data();
      if (dispose) for (const t of [x, y, z]) t.dispose();
    };
    const grown = [];
    for (const dispose of [true, false]) {
      for (let i = 0; i < 500; i++) await step(dispose);
      await settle();
      const before = process.memoryUsage().rss;
      for (let i = 0; i < 3000; i++) await step(dispose);
      await settle();
      grown.push(process.memoryUsage().rss - before);
    }
    print([memory().tensors, ...grown.map((bytes) => bytes < 24e6)]);`);
  expect(result).toEqual([2, true, true]);
});
