import { escapeMarkdown } from '../markdown/table.ts';
import { bytesText, dateText } from '../report/sections/format.ts';
import { plural } from '../report-text.ts';
import type { DoctorReport } from './doctor.ts';

type Entry = readonly [name: string, value: string];
interface Part {
  readonly title: string;
  readonly entries: readonly Entry[];
}

/** The examination as text for a terminal. */
export function formatDoctor(report: DoctorReport): string {
  const parts = partsOf(report);
  const width = Math.max(...parts.flatMap(({ entries }) => entries.map(([name]) => name.length)));
  const lines = parts.flatMap(({ title, entries }) => [
    title,
    ...entries.map(
      ([name, value]) => `  ${name.padEnd(width)}  ${value.split('\n').join(`\n${' '.repeat(width + 4)}`)}`,
    ),
    '',
  ]);
  return [...lines, ...adviceLines(report)].join('\n');
}

/** The examination as Markdown, for bug reports. */
export function doctorMarkdown(report: DoctorReport): string {
  const parts = partsOf(report).map(({ title, entries }) =>
    [
      `### ${title}`,
      '',
      ...entries.map(([name, value]) => `- ${escapeMarkdown(name)}: ${escapeMarkdown(value)}`),
      '',
    ].join('\n'),
  );
  const advice = report.advice.map((text) => `- ${escapeMarkdown(text)}`);
  return [...parts, '### Advice', '', ...(advice.length === 0 ? ['None.'] : advice), ''].join('\n');
}

function adviceLines({ advice, native }: DoctorReport): string[] {
  if (advice.length === 0) return ['All is well.'];
  const title = native.loaded ? 'Advice' : 'NOT WORKING';
  return [title, ...advice.map((text) => `  - ${text.split('\n').join('\n    ')}`)];
}

function partsOf(report: DoctorReport): Part[] {
  return [
    { title: 'Machine', entries: machine(report) },
    { title: 'Fusor', entries: fusor(report) },
    { title: 'GPU', entries: gpu(report) },
    { title: 'Other engines', entries: rivals(report) },
    { title: 'Right now', entries: load(report) },
  ];
}

function machine({ system }: DoctorReport): Entry[] {
  const { cores, caches, memory, hugePages } = system;
  const threadsPerCore =
    cores.threadsPerCore === null ? '' : `, ${plural(cores.threadsPerCore, 'thread')} per core`;
  const limit = memory.limit === null ? '' : `, ${bytesText(memory.limit)} allowed by a control group`;
  return [
    ['processor', system.processor],
    [
      'cores',
      `${cores.system} in the system, ${cores.allowed} for this process, ${cores.quota === null ? 'no quota' : `a quota of ${cores.quota}`}${threadsPerCore}`,
    ],
    [
      'caches',
      `L1 ${caches.L1 / 2 ** 10} KiB, L2 ${caches.L2 / 2 ** 10} KiB, L3 ${caches.L3 / 2 ** 20} MiB${caches.known ? '' : ' (assumed: the system does not tell)'}`,
    ],
    ['memory', `${bytesText(memory.total)}, ${bytesText(memory.available)} available${limit}`],
    [
      'huge pages',
      `transparent: ${hugePages.transparent ?? 'unknown'}; reserved: ${hugePages.reserved ?? 'unknown'}`,
    ],
    ['clock governor', system.governor ?? 'not told'],
    [
      'system',
      [system.distribution, system.platform, system.libc].filter((text) => text !== null).join(', '),
    ],
    ['Node', system.node],
  ];
}

function fusor({ native, instructions, packages }: DoctorReport): Entry[] {
  const versions = packages.map(({ name, version }) => `${name} ${version ?? 'not installed'}`).join(', ');
  const entries: Entry[] = [['packages', versions]];
  if (native.loaded) {
    entries.push(['loaded from', native.libraries.join('\n') || 'not told by the system']);
    for (const { id, name, available, reason, instructionSet, computeUnits } of native.devices) {
      entries.push([
        `device ${id}`,
        available ? `${name}, ${instructionSet}, ${computeUnits} compute units` : `not available: ${reason}`,
      ]);
    }
    entries.push(['threads', String(native.threads)]);
  } else entries.push(['NOT LOADED', native.error]);
  const { supported, features, forced } = instructions;
  entries.push(
    ['kernels for', supported.length === 0 ? 'unknown: the system does not tell' : supported.join(', ')],
    ['features', features.join(' ')],
    ['FUSOR_ISA', forced ?? 'not set'],
    ['FUSOR_NATIVE_PATH', process.env.FUSOR_NATIVE_PATH ?? 'not set'],
  );
  return entries;
}

function gpu({ gpu: facts }: DoctorReport): Entry[] {
  return [
    ['verdict', facts.verdict],
    [
      'on the PCI bus',
      facts.cards.length === 0
        ? 'none'
        : facts.cards.map(({ bus, device }) => `${bus} (${device})`).join(', '),
    ],
    ['driver', facts.driver ?? 'not loaded'],
    ['device files', facts.deviceFiles.join(' ') || 'none'],
    ['libcuda', facts.libcuda ?? 'not found'],
  ];
}

function rivals({ rivals: facts }: DoctorReport): Entry[] {
  return facts.map(({ label, available, note }) => [label, available ? note : `not available: ${note}`]);
}

function load({ load: { system, others }, date }: DoctorReport): Entry[] {
  const running = system.running === undefined ? '' : `, ${system.running} tasks running`;
  return [
    ['date', dateText(date)],
    ['load average', `${system.average.toFixed(2)}${running}`],
    [
      'other processes',
      others === null
        ? 'not told by the system'
        : `${others.meanCores.toFixed(2)} cores used, ${others.meanStolenCores.toFixed(2)} stolen by the hypervisor`,
    ],
  ];
}
