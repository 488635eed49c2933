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
