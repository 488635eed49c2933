import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Module, trace } from '@fusor/layers';
import { Bottleneck, cifarResnet20, ResNet, resnext50_32x4d } from '@fusor/resnet';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
// What is built, since it starts a script that lies beside it.
import { findTfjs } from '../dist/rival/tfjs/find.js';
import { compiledEngine } from '../src/models/engines.ts';
import { generator, randomizeNorms, uniform } from '../src/models/randomize.ts';
import { RivalProcess } from '../src/rival/child.ts';
import { type Found, isMissing, type ModelRival } from '../src/rival/model-rival.ts';
import { findModelRivals } from '../src/rival/model-rivals.ts';
import { findOnnxModelRival } from '../src/rival/onnx-model.ts';
import { findPyTorch, pythonCandidates } from '../src/rival/pytorch.ts';
import { greatestDifference } from '../src/timing/difference.ts';
import { benchScript, onBusyMachines, runNode } from './run-bench.ts';

afterEach(() => vi.unstubAllEnvs());

const rivals: readonly (readonly [string, () => Promise<Found>])[] = [
  ['onnxruntime', findOnnxModelRival],
  ['tfjs', findTfjs],
  ['pytorch', findPyTorch],
];

describe.each(rivals)('%s', { timeout: onBusyMachines }, async (id, find) => {
  const found = await find();
  const rival = isMissing(found) ? undefined : found;
  afterAll(() => rival?.close());

  async function compare(model: Module, shape: [number, number, number, number], outputs: number) {
    randomizeNorms(model.eval());
    const data = uniform(
      generator(2),
      shape.reduce((a, b) => a * b),
      -1,
      1,
    );
    const own = await compiledEngine(model, { data, shape }, outputs, { device: 'cpu', threads: 1 });
    await own.run();
    const loaded = await (rival as ModelRival).load(
      { name: 'x', graph: trace(model, shape), data, shape },
      1,
    );
    await loaded.run();
    const difference = greatestDifference(own.logits, loaded.output);
    const turn = await loaded.turn?.(5);
    await loaded.close();
    await own.close();
    model.dispose();
    return { difference, turn };
  }

  it.skipIf(id === 'pytorch')('is installed with the packages that this one is developed with', () => {
    expect(found).not.toHaveProperty('missing');
  });

  it.skipIf(rival === undefined)('gives the logits of small networks, and a time', async () => {
    const basic = await compare(cifarResnet20(), [2, 3, 32, 32], 10);
    expect(basic.difference).toBeLessThan(1e-5);
    if (basic.turn !== undefined) expect(basic.turn).toBeGreaterThan(0);
    const bottleneck = new ResNet({ block: Bottleneck, layers: [1, 1, 1, 1], numClasses: 7 });
    expect((await compare(bottleneck, [1, 3, 64, 64], 7)).difference).toBeLessThan(1e-5);
  });

  it.skipIf(rival === undefined)('says what it cannot do, and goes on', async () => {
    const grouped = compare(resnext50_32x4d(), [1, 3, 32, 32], 1000);
    if (rival!.info.id === 'tfjs') await expect(grouped).rejects.toThrow('no grouped convolution');
    else expect((await grouped).difference).toBeLessThan(1e-5);
    expect((await compare(cifarResnet20(), [1, 3, 32, 32], 10)).difference).toBeLessThan(1e-5);
  });
});

describe('rivals that are not there', () => {
  it('are named with the reason', async () => {
    vi.stubEnv('FUSOR_PYTHON', '/nowhere/python3');
    const { rivals: there, missing, close } = await findModelRivals(['pytorch']);
    await close();
    expect(there).toEqual([]);
    expect(missing[0]!.reason).toContain('/nowhere/python3');
    expect(missing[0]!.reason).toContain('FUSOR_PYTHON');
  });

  it('are looked for under the names that Python has', () => {
    expect(pythonCandidates({ FUSOR_PYTHON: '/opt/python' })).toEqual(['/opt/python']);
    expect(pythonCandidates({})).toContain('python3');
  });

  it('do not stop a run', async () => {
    // A loader that does not find it, as Node's own would not.
    const preload = `import { Module } from 'node:module';
      const resolve = Module._resolveFilename;
      Module._resolveFilename = (name, ...rest) => {
        if (name === 'onnxruntime-node') throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' });
        return resolve(name, ...rest);
      };`;
    const args = [
      'models',
      'cifarResnet20',
      '--batch',
      '1',
      '--rounds',
      '1',
      '--seconds',
      '0',
      '--rivals',
      'onnxruntime',
    ];
    const load = `data:text/javascript,${encodeURIComponent(preload)}`;
    const { status, stdout } = await runNode('--import', load, benchScript, ...args);
    expect(status).toBe(0);
    expect(stdout).toContain(
      'no onnxruntime-node: onnxruntime-node is not installed (npm install onnxruntime-node',
    );
    expect(stdout).toContain('fusor eager');
  });
});

describe('RivalProcess', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-rival-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function start(program: string): Promise<RivalProcess> {
    const path = join(folder, 'rival.mjs');
    await writeFile(path, program);
    return new RivalProcess('rival', process.execPath, [path]);
  }

  it('tells how a rival died', async () => {
    const killed = await start(`process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);`);
    await expect(killed.answer()).rejects.toThrow('rival ended (SIGKILL)');
    expect(killed.ended).toBe(true);
    const failed = await start(`console.error('no such library'); process.exit(3);`);
    await expect(failed.ask('{}')).rejects.toThrow('rival ended (status 3): no such library');
  });

  it('does not wait for ever', async () => {
    const silent = await start('setInterval(() => {}, 1000);');
    await expect(silent.answer(0.2)).rejects.toThrow('did not answer within 0.2 s and was ended');
    await silent.close();
  });

  it('shows what is no answer', async () => {
    const chatty = await start(`console.log('hello'); setInterval(() => {}, 1000);`);
    await expect(chatty.answer()).rejects.toThrow('rival said: hello');
    await chatty.close();
  });
});
