import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  DeviceError,
  devices,
  emptyCache,
  memory,
  OutOfMemoryError,
  ops,
  setMemoryLimit,
  synchronize,
  Tensor,
  UnsupportedError,
} from '@fusor/native';
import { afterAll, describe, expect, test } from 'vitest';
import { settledMemory } from './settled-memory.ts';

const root = join(import.meta.dirname, '..', '..');
const scratch = mkdtempSync(join(tmpdir(), 'fusor-devices-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** What a fresh process says when it asks for CUDA: the reason in `devices()`, and of an explicit 'cuda'. */
async function askForCuda(
  env: Record<string, string>,
): Promise<{ reason?: string; error: string; auto: string }> {
  const script = `
    import { devices, Tensor } from '@fusor/native';
    const early = process.env.EARLY === '1';
    const ask = () => { try { Tensor.zeros([1], { device: 'cuda' }); return 'none'; } catch (e) { return e.name + ': ' + e.message; } };
    const first = early ? ask() : '';
    const reason = (await devices()).find((device) => device.kind === 'cuda')?.reason;
    const auto = Tensor.zeros([1], { device: 'auto' }).device;
    console.log(JSON.stringify({ reason, error: early ? first : ask(), auto }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: join(root, 'native'),
    env: { ...process.env, FUSOR_CUDA_LIBRARY: '', FUSOR_CUDA_TRIAL: '', ...env },
  });
  return JSON.parse(stdout) as { reason?: string; error: string; auto: string };
}

/** A library made from C, or undefined where there is no compiler. */
function compile(name: string, source: string): string | undefined {
  const file = join(scratch, `${name}.c`);
  const library = join(scratch, `lib${name}_cuda.so`);
  writeFileSync(file, source);
  const include = join(root, 'native', 'include');
  const { status } = spawnSync('cc', ['-shared', '-fPIC', `-I${include}`, '-o', library, file]);
  return status === 0 ? library : undefined;
}

describe('why CUDA cannot be used is told apart, and what helps', () => {
  const cases: Record<string, { env: () => Record<string, string> | undefined; reason: RegExp }> = {
    'a library that is not there': {
      env: () => ({ FUSOR_CUDA_LIBRARY: join(scratch, 'nowhere_cuda.so') }),
      reason:
        /^backend .*nowhere_cuda.so could not be loaded: .*; reinstall its package: npm install @fusor\/cuda$/,
    },
    'a library that is no backend': {
      env: () => ({ FUSOR_CUDA_LIBRARY: 'libc.so.6' }),
      reason: /^libc.so.6 is not a backend of fusor: it lacks fusor_backend_get$/,
    },
    'a backend that is too old': {
      env: () => version('old', 1),
      reason:
        /has version 1 of the backend interface, and @fusor\/native .*; upgrade it: npm install @fusor\/cuda@/,
    },
    'an engine that is too old': {
      env: () => version('new', 1000),
      reason:
        /has version 1000 of the backend interface.*; upgrade the engine: npm install @fusor\/native@latest$/,
    },
    'a driver that crashes': {
      env: () => {
        const library = compile(
          'crash',
          '#include <signal.h>\nvoid* fusor_backend_get(unsigned v) { raise(SIGSEGV); return (void*)(unsigned long)v; }',
        );
        return library === undefined ? undefined : { FUSOR_CUDA_LIBRARY: library, FUSOR_CUDA_TRIAL: '1' };
      },
      reason: /^the NVIDIA driver crashed a trial process \(SIGSEGV\); check the driver with nvidia-smi/,
    },
    'a library that a trial cannot load either': {
      env: () => ({ FUSOR_CUDA_LIBRARY: join(scratch, 'nowhere_cuda.so'), FUSOR_CUDA_TRIAL: '1' }),
      reason:
        /^backend .*nowhere_cuda.so could not be loaded: .*; reinstall its package: npm install @fusor\/cuda$/,
    },
  };

  function version(name: string, abi: number): Record<string, string> | undefined {
    const library = compile(
      name,
      `#include "fusor/backend.h"
       const fusor_backend* fusor_backend_get(uint32_t version) {
         (void)version;
         static fusor_backend backend = {sizeof(fusor_backend), ${abi}, "cuda", "for tests"};
         return &backend;
       }`,
    );
    return library === undefined ? undefined : { FUSOR_CUDA_LIBRARY: library };
  }

  for (const [name, { env, reason }] of Object.entries(cases)) {
    test.concurrent(name, async ({ skip }) => {
      const variables = env();
      if (variables === undefined) return skip('there is no C compiler');
      for (const early of ['0', '1']) {
        const said = await askForCuda({ ...variables, EARLY: early });
        expect(said.reason).toMatch(reason);
        expect(said.error).toBe(`DeviceError: Tensor.zeros: device 'cuda' cannot be used: ${said.reason}`);
        expect(said.auto).toBe('cpu');
      }
    });
  }

  const built = existsSync(join(root, 'cuda', 'lib', 'libfusor_cuda.so'));
  const driver = existsSync('/dev/nvidiactl') || existsSync('/dev/dxg');
  test.skipIf(!built || driver)('the library for GPUs without a driver', async () => {
    for (const trial of ['0', '1']) {
      const { reason, auto } = await askForCuda({ FUSOR_CUDA_TRIAL: trial });
      expect(reason).toMatch(/^no NVIDIA driver: .*; install driver 580 or newer .*, or use device 'cpu'$/);
      expect(auto).toBe('cpu');
    }
  });

  // The runtime looks all of a driver's functions up before it asks for the version.
  test.skipIf(!built || driver)('the library for GPUs with a driver that is too old', async ({ skip }) => {
    const folder = mkdtempSync(join(scratch, 'driver-'));
    const source = join(folder, 'libcuda.c');
    writeFileSync(
      source,
      `#include <string.h>
       int cuDriverGetVersion(int* version) { *version = 12040; return 0; }
       int cuInit(unsigned flags) { (void)flags; return 0; }
       static int not_supported(void) { return 801; }
       int cuGetProcAddress_v2(const char* name, void** function, int version, unsigned long long flags, int* found) {
         (void)version; (void)flags; (void)found;
         *function = !strcmp(name, "cuDriverGetVersion") ? (void*)cuDriverGetVersion
           : !strcmp(name, "cuInit") ? (void*)cuInit
           : !strcmp(name, "cuGetProcAddress") ? (void*)cuGetProcAddress_v2 : (void*)not_supported;
         return 0;
       }`,
    );
    const library = join(folder, 'libcuda.so.1');
    if (spawnSync('cc', ['-shared', '-fPIC', '-o', library, source]).status !== 0)
      return skip('there is no C compiler');
    for (const trial of ['0', '1']) {
      const { reason, auto } = await askForCuda({ FUSOR_CUDA_TRIAL: trial, LD_LIBRARY_PATH: folder });
      expect(reason).toMatch(
        /^the NVIDIA driver is too old: it is for CUDA 12.4, but 13.0 is needed; upgrade to driver 580 or newer/,
      );
      expect(auto).toBe('cpu');
    }
  });
});

/** What a fresh process prints with these variables set, as JSON. */
async function answerOf(env: Record<string, string>, body: string): Promise<unknown> {
  const script = `import { devices, emptyCache, memory, ops, setMemoryLimit, synchronize, Tensor } from '@fusor/native';
    ${body}`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: join(root, 'native'),
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout);
}

describe('other emulated GPUs', () => {
  test('one that is too old says so, and what else to use', async () => {
    const said = await answerOf(
      { FUSOR_CUDA_EMULATED_CAPABILITY: '75' },
      `const { available, reason } = (await devices()).find(({ kind }) => kind === 'cuda-emulated');
       let error = '';
       try { Tensor.zeros([1], { device: 'cuda-emulated' }); } catch (e) { error = e.name + ': ' + e.message; }
       console.log(JSON.stringify({ available, reason, error }));`,
    );
    const reason =
      "emulated GPU (sm_75) is too old: Fusor needs compute capability 8.0 (Ampere, 2020) or newer; use device 'cpu'";
    expect(said).toMatchObject({ available: false, reason: expect.stringContaining(reason) });
    expect(said).toMatchObject({ error: expect.stringMatching(/^DeviceError: /) });
  });

  test('two are used by their indices, each with its own memory, stream and limit', async () => {
    const said = (await answerOf(
      { FUSOR_CUDA_EMULATED_DEVICES: '2', FUSOR_CUDA_EMULATED_CACHE: '1' },
      `const [first, second] = ['cuda-emulated:0', 'cuda-emulated:1'];
       const image = Float32Array.from({ length: 2 * 8 * 5 * 5 }, (_, i) => Math.sin(i));
       const filter = Float32Array.from({ length: 16 * 8 * 9 }, (_, i) => Math.cos(i));
       const results = [], work = [];
       // In turns, so that every call is about another device than the one before it.
       for (let round = 0; round < 2; ++round) {
         for (const device of [first, second]) {
           const x = Tensor.from(image, [2, 8, 5, 5], { device }), w = Tensor.from(filter, [16, 8, 3, 3], { device });
           work.push(ops.softmax(ops.conv2d(x, w, { padding: 1, activation: 'relu' }), 1));
         }
       }
       for (const y of work) results.push([...(await y.data())]);
       let mixed = '';
       try { ops.add(work[0], work[1]); } catch (e) { mixed = e.message; }
       const moved = work[0].to(second);
       const sum = [...(await ops.sub(moved, work[1]).data())];
       const before = memory().devices;
       setMemoryLimit(before[second].reservedBytes, second);
       let full = '';
       const large = Tensor.zeros([1 << 24], { device: second });
       try { await large.data(); } catch (e) { full = e.name; }
       const other = Tensor.ones([1 << 24], { device: first });
       await synchronize(first);
       other.dispose();
       emptyCache(first);
       const list = (await devices()).filter(({ kind }) => kind === 'cuda-emulated').map(({ id }) => id);
       console.log(JSON.stringify({ list, device: moved.device, results, mixed, sum, full, used: [first, second].map((d) => before[d].reservedBytes > 0) }));`,
    )) as { results: number[][]; sum: number[] } & Record<string, unknown>;
    expect(said).toMatchObject({
      list: ['cuda-emulated:0', 'cuda-emulated:1'],
      device: 'cuda-emulated:1',
      full: 'OutOfMemoryError',
      used: [true, true],
      mixed: expect.stringContaining('cuda-emulated:1'),
    });
    for (const result of said.results) expect(result).toEqual(said.results[0]);
    expect(said.sum.every((value) => value === 0)).toBe(true);
  });
});

describe('the emulated GPU of a checkout', () => {
  const device = 'cuda-emulated';

  test('is listed, has no variable to set, and is never picked by itself', async () => {
    const listed = (await devices()).find(({ kind }) => kind === device);
    expect(listed).toMatchObject({ id: 'cuda-emulated:0', available: true });
    expect(Tensor.zeros([1], { device: 'auto' }).device).not.toMatch(/emulated/);
    expect(Tensor.from([1], undefined, { device }).device).toBe('cuda-emulated:0');
    expect(() => Tensor.from([1], undefined, { device: 'cuda-emulated:7' })).toThrow(
      /there is no device 'cuda-emulated:7' \(there are: 'cpu', .*'cuda-emulated:0'/,
    );
  });

  test('takes and gives back every dtype, by views and all', async () => {
    const data = {
      f32: Float32Array.of(1.5, -2, Number.NaN, 0, 7, 8),
      f16: Uint16Array.of(1, 2, 3, 4, 5, 65535),
      bf16: Uint16Array.of(6, 5, 4, 3, 2, 1),
      i32: Int32Array.of(-1, 2 ** 31 - 1, 0, 4, 5, 6),
      i64: BigInt64Array.of(-1n, 2n ** 62n, 0n, 4n, 5n, 6n),
      u8: Uint8Array.of(0, 255, 3, 4, 5, 6),
    };
    for (const [dtype, array] of Object.entries(data)) {
      const x = Tensor.from(array, [2, 3], { dtype: dtype as 'f32', device });
      expect(await x.data()).toEqual(array);
      const transposed = array.slice();
      [0, 3, 1, 4, 2, 5].forEach((from, to) => {
        transposed[to] = array[from]!;
      });
      expect(await x.transpose(0, 1).data()).toEqual(transposed);
      expect(await x.transpose(0, 1).reshape([6]).to('cpu').data()).toEqual(transposed);
      const columns = array.slice(0, 4);
      [1, 2, 4, 5].forEach((from, to) => {
        columns[to] = array[from]!;
      });
      expect(await x.slice(1, 1, 3).data()).toEqual(columns);
    }
  });

  test('keeps devices apart and copies between them only when told', async () => {
    const here = Tensor.from([1, 2]);
    const there = here.to(device);
    expect(() => ops.add(here, there)).toThrow(DeviceError);
    expect(await there.to('cpu').data()).toEqual(Float32Array.of(1, 2));
    const target = Tensor.from([0, 0], undefined, { device });
    target.assign(there);
    expect(await target.data()).toEqual(Float32Array.of(1, 2));
  });

  test('running out of memory fails the tensor concerned, and work goes on', async () => {
    await synchronize(device);
    setMemoryLimit(1 << 20, device);
    try {
      const large = Tensor.from(new Float32Array(1 << 19), undefined, { device });
      await expect(large.data()).rejects.toThrow(OutOfMemoryError);
      await expect(large.data()).rejects.toThrow(/out of memory on cuda-emulated:0: 2097152 bytes/);
      const small = Tensor.from([3], undefined, { device });
      expect(await small.data()).toEqual(Float32Array.of(3));
      large.dispose();
    } finally {
      setMemoryLimit(0, device);
    }
    expect((await Tensor.from(new Float32Array(1 << 19), undefined, { device }).data()).length).toBe(1 << 19);
    expect(() => setMemoryLimit(1, 'cpu')).toThrow(UnsupportedError);
    expect(() => setMemoryLimit(-1, device)).toThrow(/at least 0/);
  });

  test('memory() tells what the device holds, emptyCache() what is not in use', async () => {
    await settledMemory(); // what the tests before left is not collected in between
    const before = memory().devices['cuda-emulated:0']!;
    const x = Tensor.from(new Float32Array(1000), undefined, { device });
    await synchronize(device);
    const during = memory().devices['cuda-emulated:0']!;
    expect(during.bytes).toBe(before.bytes + 4000);
    expect(during.reservedBytes).toBeGreaterThanOrEqual(before.reservedBytes + 4000);
    x.dispose();
    await synchronize(device);
    emptyCache(device);
    emptyCache();
    const after = memory().devices['cuda-emulated:0']!;
    expect(after.bytes).toBe(before.bytes);
    expect(after.reservedBytes).toBeLessThan(during.reservedBytes);
  });
});
