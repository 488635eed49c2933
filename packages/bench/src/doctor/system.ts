import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { readCaches } from '../machine/caches.ts';
import { describeMachine } from '../machine/machine.ts';
import { processReport } from './process-report.ts';

/** What the system says of itself, in words and numbers; null where it does not tell. */
export interface SystemFacts {
  readonly processor: string;
  readonly platform: string;
  readonly distribution: string | null;
  /** `'glibc 2.36'`, `'musl'` */
  readonly libc: string | null;
  readonly node: string;
  readonly cores: {
    /** Of the machine. */
    readonly system: number;
    /** That this process may run on: fewer under taskset or in a container with a cpuset. */
    readonly allowed: number;
    /** Cores' worth of time that a control group allows; null without a limit. */
    readonly quota: number | null;
    /** Threads of a core that the system shows as two or more. */
    readonly threadsPerCore: number | null;
  };
  readonly caches: { readonly L1: number; readonly L2: number; readonly L3: number; readonly known: boolean };
  readonly memory: {
    readonly total: number;
    readonly available: number;
    /** Of a control group; null without a limit. */
    readonly limit: number | null;
  };
  readonly hugePages: {
    /** `'always'`, `'madvise'`, `'never'` */
    readonly transparent: string | null;
    readonly reserved: number | null;
  };
  /** `'performance'`, `'powersave'`, … */
  readonly governor: string | null;
}

/** A file of the system; undefined where it is not there or may not be read. */
export async function readSystem(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

export async function systemFacts(): Promise<SystemFacts> {
  const [release, cpuinfo, meminfo, transparent, governor, siblings, caches] = await Promise.all([
    readSystem('/etc/os-release'),
    readSystem('/proc/cpuinfo'),
    readSystem('/proc/meminfo'),
    readSystem('/sys/kernel/mm/transparent_hugepage/enabled'),
    readSystem('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    readSystem('/sys/devices/system/cpu/cpu0/topology/thread_siblings_list'),
    readCaches(),
  ]);
  const { processor, platform, node } = describeMachine();
  const available = field(meminfo, 'MemAvailable');
  return {
    processor,
    platform,
    distribution: release?.match(/^PRETTY_NAME="?(.*?)"?$/m)?.[1] ?? null,
    libc: libc(),
    node,
    cores: {
      system: countProcessors(cpuinfo) ?? os.cpus().length,
      allowed: os.availableParallelism(),
      quota: await cpuQuota(),
      threadsPerCore: siblings === undefined ? null : countList(siblings),
    },
    caches: {
      ...caches,
      known: (await readSystem('/sys/devices/system/cpu/cpu0/cache/index0/size')) !== undefined,
    },
    memory: {
      total: os.totalmem(),
      available: available === undefined ? os.freemem() : 1024 * available,
      limit: await memoryLimit(),
    },
    hugePages: {
      transparent: transparent?.match(/\[(\w+)\]/)?.[1] ?? null,
      reserved: field(meminfo, 'HugePages_Total') ?? null,
    },
    governor: governor?.trim() ?? null,
  };
}

function libc(): string | null {
  if (process.platform !== 'linux') return null;
  const { header } = processReport();
  return header.glibcVersionRuntime === undefined ? 'musl' : `glibc ${header.glibcVersionRuntime}`;
}

function countProcessors(cpuinfo: string | undefined): number | undefined {
  const count = cpuinfo?.match(/^processor\s*:/gm)?.length;
  return count === 0 ? undefined : count;
}

/** A number of /proc/meminfo, in its unit. */
function field(meminfo: string | undefined, name: string): number | undefined {
  const value = meminfo?.match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))?.[1];
  return value === undefined ? undefined : Number(value);
}

/** How many numbers a list such as `0-3,8` has. */
export function countList(text: string): number {
  return text
    .trim()
    .split(',')
    .reduce((count, part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return count + last - first + 1;
    }, 0);
}

/** Folders of this process's control group and of those above it: limits hold for all that is below. */
async function controlGroups(controller: string): Promise<string[]> {
  const text = (await readSystem('/proc/self/cgroup')) ?? '';
  const folders: string[] = [];
  for (const line of text.split('\n')) {
    const [, names, path] = line.split(':') as [string, string | undefined, string | undefined];
    if (path === undefined || (names !== '' && !names!.split(',').includes(controller))) continue;
    const root = names === '' ? '/sys/fs/cgroup' : `/sys/fs/cgroup/${controller}`;
    const parts = path.split('/').filter((part) => part !== '');
    for (let depth = parts.length; depth >= 0; --depth)
      folders.push([root, ...parts.slice(0, depth)].join('/'));
  }
  return [...new Set(folders)];
}

async function cpuQuota(): Promise<number | null> {
  const quotas: number[] = [];
  for (const folder of await controlGroups('cpu')) {
    const second = await readSystem(`${folder}/cpu.max`);
    const first = await readSystem(`${folder}/cpu.cfs_quota_us`);
    const text =
      second ?? `${first ?? 'max'} ${(await readSystem(`${folder}/cpu.cfs_period_us`)) ?? 100_000}`;
    const [quota, period] = text.trim().split(/\s+/).map(Number) as [number, number];
    if (quota > 0 && period > 0) quotas.push(quota / period);
  }
  return quotas.length === 0 ? null : Math.min(...quotas);
}

async function memoryLimit(): Promise<number | null> {
  const limits: number[] = [];
  for (const folder of await controlGroups('memory')) {
    const text =
      (await readSystem(`${folder}/memory.max`)) ?? (await readSystem(`${folder}/memory.limit_in_bytes`));
    const bytes = Number(text?.trim() ?? 'max');
    // Version 1 writes "no limit" as a number near 2^63.
    if (bytes > 0 && bytes < 2 ** 60) limits.push(bytes);
  }
  return limits.length === 0 ? null : Math.min(...limits);
}
