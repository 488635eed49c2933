import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSize, readCaches } from '../src/machine/caches.ts';
import { measureCeilings } from '../src/machine/ceilings.ts';
import { driverId, parseGpuSample, watchGpu } from '../src/machine/gpu.ts';
import { otherCores, parseProcess, parseStat } from '../src/machine/other-work.ts';
import { formatGpu } from '../src/report-text.ts';

describe('what /proc says', () => {
  it('reads the time of all cores, without idle and waiting', () => {
    const text = 'cpu  100 20 300 4000 50 6 7 80 9 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n';
    expect(parseStat(text)).toEqual({ busy: 4.33, stolen: 0.8 });
  });

  it('reads a process whose name has spaces and parentheses', () => {
    const text = '42 (a) b (c)) S 7 42 42 0 -1 4194304 100 0 0 0 250 50 30 20 20 0 11 0 1234';
    expect(parseProcess(text)).toEqual({ parent: 7, seconds: 3.5 });
  });

  it('takes its own work from that of all', () => {
    const before = { busy: 10, stolen: 0, own: 4 };
    expect(otherCores(before, { busy: 13, stolen: 0, own: 6 }, 2)).toBe(0.5);
    expect(otherCores(before, { busy: 11, stolen: 0, own: 6 }, 2)).toBe(0);
  });
});

describe('caches', () => {
  it('reads sizes as the system writes them', () => {
    expect(parseSize('32K')).toBe(32768);
    expect(parseSize('16M')).toBe(2 ** 24);
    expect(parseSize('512')).toBe(512);
  });

  it('has an answer where the system has none', async () => {
    expect(await readCaches('/nonexistent')).toEqual({ L1: 32768, L2: 524288, L3: 2 ** 23 });
  });
});

describe('a GPU while it is measured', () => {
  it('is read from the lines of the driver’s tool', () => {
    expect(parseGpuSample('1980, 2619, 63, 641.52, 0x0000000000000004')).toEqual({
      processorMegahertz: 1980,
      memoryMegahertz: 2619,
      celsius: 63,
      watts: 641.52,
      heldDown: true,
    });
    // Idle, and clocks that somebody has set, are no slowdown.
    expect(parseGpuSample('345, 2619, 30, [N/A], 0x0000000000000003')).toMatchObject({
      watts: 0,
      heldDown: false,
    });
    for (const line of ['', 'No devices were found', '1, 2, 3, 4', '[N/A], 2619, 30, 70, 0x0']) {
      expect(parseGpuSample(line)).toBeUndefined();
    }
  });

  it('is known to the driver by another number where some are hidden', () => {
    expect(driverId('cuda:1', undefined)).toBe('1');
    expect(driverId('cuda:1', '3,GPU-5a')).toBe('GPU-5a');
    expect(driverId('cuda:2', '3,4')).toBeUndefined();
    expect(driverId('cpu', undefined)).toBeUndefined();
    expect(driverId('cuda-emulated:0', undefined)).toBeUndefined();
  });

  it('is watched until the end, and told with its ranges', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fusor-gpu-'));
    try {
      const tool = join(folder, 'tool');
      const lines = "printf '1755, 2619, 41, 120.5, 0x0\\n1980, 2619, 63, 640.2, 0x4\\n'";
      writeFileSync(tool, `#!/bin/sh\n${lines}\nexec sleep 60\n`, { mode: 0o755 });
      const watch = watchGpu('cuda:0', tool);
      await watch.sampled;
      const state = (await watch.stop())!;
      expect(formatGpu(state)).toBe(
        'GPU: 1755 to 1980 MHz, memory 2619 MHz, 41 to 63 °C, 121 to 640 W; held down by power or heat in 50% of the samples',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(await watchGpu('cuda:0', '/nonexistent/tool').stop()).toBeUndefined();
    expect(await watchGpu('cpu').stop()).toBeUndefined();
  });

  it('copies in its own memory: the ceiling is the device’s, not the host’s', async () => {
    const [ceiling] = await measureCeilings([1], 'cuda-emulated');
    const [cached, memory] = ceiling!.bandwidths;
    expect([cached!.level, memory!.level]).toEqual(['L2', 'DRAM']);
    expect(cached!.copy).toBeGreaterThan(0);
    expect(memory!.copy).toBeGreaterThan(0);
    // A fiber per CUDA thread: slower than any memory by far.
    expect(memory!.copy).toBeLessThan(5);
  });
});
