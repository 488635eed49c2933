import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { advise } from '../src/doctor/advice.ts';
import type { DoctorReport } from '../src/doctor/doctor.ts';
import { explainGpu, type GpuFacts, nvidiaCards, parseDriver } from '../src/doctor/gpu.ts';
import { fromFlags } from '../src/doctor/instructions.ts';
import { countList } from '../src/doctor/system.ts';
import { onBusyMachines, runBench } from './run-bench.ts';

/** Under this the native library cannot be loaded, as on a platform that it was not built for. */
function withoutNative(...args: string[]) {
  vi.stubEnv('FUSOR_NATIVE_PATH', '/nowhere/fusor.node');
  return runBench(...args).finally(() => vi.stubEnv('FUSOR_NATIVE_PATH', undefined));
}

describe('fusor-bench doctor', () => {
  // PyTorch takes seconds to load, and has a test of its own.
  beforeAll(() => void vi.stubEnv('FUSOR_PYTHON', '/nowhere/python3'));
  afterAll(() => void vi.unstubAllEnvs());

  it('describes this machine', { timeout: onBusyMachines }, async () => {
    const { status, stdout, stderr } = await runBench('doctor', '--json');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const report = JSON.parse(stdout) as DoctorReport;
    expect(report.kind).toBe('doctor');
    expect(report.system.node).toBe(process.version);
    expect(report.system.cores.allowed).toBeGreaterThan(0);
    expect(report.system.cores.allowed).toBeLessThanOrEqual(report.system.cores.system);
    expect(report.native).toMatchObject({ loaded: true });
    if (!report.native.loaded) return;
    expect(report.native.libraries.some((path) => path.endsWith('fusor.node'))).toBe(true);
    const cpu = report.native.devices.find(({ id }) => id === 'cpu')!;
    // What Fusor chose by cpuid is what the system says of the processor.
    if (process.platform === 'linux') expect(report.instructions.supported.at(-1)).toBe(cpu.instructionSet);
    expect(report.rivals.map(({ id }) => id)).toEqual(['onnxruntime', 'tfjs', 'pytorch', 'onednn']);
    expect(report.rivals[0]).toMatchObject({ available: true });
    expect(report.rivals[2]!.note).toContain('/nowhere/python3');
    for (const name of ['@fusor/native', '@fusor/layers', '@fusor/bench']) {
      expect(report.packages.find((entry) => entry.name === name)!.version).toMatch(/^\d/);
    }
  });

  it('reads well, in a terminal and in a bug report', { timeout: onBusyMachines }, async () => {
    const { stdout } = await runBench('doctor');
    for (const title of ['Machine', 'Fusor', 'GPU', 'Other engines', 'Right now'])
      expect(stdout).toContain(title);
    expect(stdout).toContain('loaded from');
    expect((await runBench('doctor', '--markdown')).stdout).toContain('### Machine');
  });

  it('works, and says so, where the native library cannot be loaded', async () => {
    const { status, stdout } = await withoutNative('doctor');
    expect(status).toBe(1);
    expect(stdout).toContain('NOT LOADED');
    expect(stdout).toContain('FUSOR_NATIVE_PATH=/nowhere/fusor.node');
    expect(stdout).toContain('Machine');
  });

  it('is what the other commands advise there', async () => {
    const { status, stderr } = await withoutNative('models', 'resnet18', '--batch', '1');
    expect(status).toBe(2);
    expect(stderr).toContain('could not be loaded');
    expect(stderr).toContain('fusor-bench doctor');
    expect((await withoutNative('--help')).stdout).toContain('cannot run here');
  });
});

describe('instruction sets', () => {
  it('are those whose every feature is there', () => {
    const v2 = ['ssse3', 'sse4_1', 'sse4_2', 'popcnt'];
    const v3 = [...v2, 'avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'movbe'];
    expect(fromFlags(v2).supported).toEqual(['baseline']);
    expect(fromFlags(v3).supported).toEqual(['baseline', 'avx2']);
    expect(fromFlags(v3.filter((flag) => flag !== 'fma')).supported).toEqual(['baseline']);
    expect(fromFlags([...v3, 'avx512f']).supported).toEqual(['baseline', 'avx2']);
    expect(fromFlags([]).supported).toEqual([]);
  });
});

describe('GPUs', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-pci-'));
    const devices = {
      '0000:00:1f.0': ['0x8086', '0x060100', '0x1234'],
      '0000:3b:00.0': ['0x10de', '0x030200', '0x2330'],
      '0000:3b:00.1': ['0x10de', '0x040300', '0x22a3'],
    };
    for (const [bus, [vendor, kind, device]] of Object.entries(devices)) {
      await mkdir(join(folder, bus));
      await writeFile(join(folder, bus, 'vendor'), `${vendor}\n`);
      await writeFile(join(folder, bus, 'class'), `${kind}\n`);
      await writeFile(join(folder, bus, 'device'), `${device}\n`);
    }
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('are the display controllers of NVIDIA on the bus', async () => {
    expect(await nvidiaCards(folder)).toEqual([{ bus: '0000:3b:00.0', device: '0x2330' }]);
    expect(await nvidiaCards(join(folder, 'none'))).toEqual([]);
  });

  it('have a driver with a version', () => {
    const closed =
      'NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC 2024\n';
    const open = 'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n';
    expect(parseDriver(closed)).toBe('550.54.14');
    expect(parseDriver(open)).toBe('580.65.06');
    expect(parseDriver('something else')).toBeNull();
  });

  const none: GpuFacts = { cards: [], deviceFiles: [], driver: null, libcuda: null };
  const card = [{ bus: '0000:3b:00.0', device: '0x2330' }];
  const files = ['/dev/nvidia0', '/dev/nvidiactl'];
  it.each([
    [none, 'none on the PCI bus'],
    [{ ...none, cards: card }, 'its driver is not loaded'],
    [{ ...none, libcuda: '/usr/lib/libcuda.so.1' }, 'no driver and no GPU'],
    [{ ...none, cards: card, deviceFiles: files, driver: '550.54.14' }, 'too old: 580'],
    [{ ...none, cards: card, driver: '580.65.06' }, '--gpus all'],
    [{ ...none, cards: card, deviceFiles: files, driver: '580.65.06' }, 'no libcuda.so.1'],
    [
      { cards: card, deviceFiles: files, driver: '580.65.06', libcuda: '/l/libcuda.so.1' },
      'driver 580.65.06, libcuda',
    ],
  ])('%j: %s', (facts, text) => {
    expect(explainGpu(facts, 'linux')).toContain(text);
  });
});

describe('advice', () => {
  const well: Omit<DoctorReport, 'advice'> = {
    format: 'fusor-bench',
    version: 1,
    kind: 'doctor',
    date: '2026-11-25T12:00:00.000Z',
    system: {
      processor: 'Some Processor',
      platform: 'linux 6.1 x64',
      distribution: null,
      libc: 'glibc 2.36',
      node: 'v20.19.0',
      cores: { system: 4, allowed: 4, quota: null, threadsPerCore: 1 },
      caches: { L1: 32768, L2: 524288, L3: 2 ** 23, known: true },
      memory: { total: 2 ** 33, available: 2 ** 32, limit: null },
      hugePages: { transparent: 'madvise', reserved: 0 },
      governor: 'performance',
    },
    instructions: { supported: ['baseline', 'avx2'], features: [], forced: null },
    native: {
      loaded: true,
      libraries: [],
      threads: 4,
      devices: [
        { id: 'cpu', name: 'Some Processor', available: true, instructionSet: 'avx2', computeUnits: 4 },
      ],
    },
    packages: [{ name: '@fusor/cuda', version: null, folder: null }],
    gpu: { cards: [], deviceFiles: [], driver: null, libcuda: null, verdict: '' },
    rivals: [],
    load: { system: { average: 0 }, others: null },
  };

  it('is none where all is well', () => {
    expect(advise(well)).toEqual([]);
  });

  it.each<[Partial<typeof well>, string]>([
    [{ native: { loaded: false, error: 'no such file' } }, 'nothing can be computed. no such file'],
    [{ instructions: { ...well.instructions, forced: 'baseline' } }, 'without it avx2'],
    [{ system: { ...well.system, cores: { ...well.system.cores, quota: 2.5 } } }, 'more threads than 2'],
    [{ system: { ...well.system, hugePages: { transparent: 'never', reserved: 0 } } }, 'huge pages'],
    [{ system: { ...well.system, governor: 'powersave' } }, 'governor'],
    [{ system: { ...well.system, memory: { ...well.system.memory, limit: 2 ** 29 } } }, '512 MiB'],
    [
      { load: { ...well.load, others: { samples: 3, meanCores: 1.5, maxCores: 2, meanStolenCores: 0.2 } } },
      '1.50 cores right now',
    ],
    [
      {
        gpu: { ...well.gpu, deviceFiles: ['/dev/nvidia0'], driver: '580.65.06', libcuda: '/l/libcuda.so.1' },
      },
      '@fusor/cuda is not installed',
    ],
    [{ gpu: { ...well.gpu, deviceFiles: ['/dev/nvidia0'], driver: '470.1' } }, 'too old'],
  ])('names what is wrong: %#', (change, text) => {
    expect(advise({ ...well, ...change }).join('\n')).toContain(text);
  });
});

describe('lists of processors', () => {
  it('are counted', () => {
    expect(countList('0-3,8\n')).toBe(5);
    expect(countList('7')).toBe(1);
  });
});
