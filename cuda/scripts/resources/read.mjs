// What the build for GPUs left beside its objects: a report of ptxas for every source, the PTX of those with tensor cores.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { countTensorInstructions, parsePtxas } from './report.mjs';

const text = (file) => readFileSync(file, 'utf8');

function filesBelow(folder, ending) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}

/** Kernels' names as the table has them, from mangled ones. */
export function kernelNames(mangled) {
  const { stdout, status } = spawnSync('c++filt', { input: mangled.join('\n'), encoding: 'utf8' });
  return (status === 0 ? stdout.trimEnd().split('\n') : mangled).map((name) => {
    const short = name.replace(/fusor::cuda::|\(anonymous namespace\)::|^void /g, '');
    return short.slice(0, endOfName(short));
  });
}

/**
 * The kernels of a build folder, by name and in order, of the two architectures that every build has: sm_90a for what is
 * written for Hopper, sm_80 for the rest. @throws Error where a source has no report.
 */
export function readResources(sourceFolder, buildFolder) {
  const rows = [];
  const sources = readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.cu'),
  );
  for (const file of sources) {
    const hopper = file.endsWith('.sm90a.cu');
    const library = hopper ? 'fusor_cuda_hopper_objects' : 'fusor_cuda_objects';
    const report = join(buildFolder, 'src', 'CMakeFiles', `${library}.dir`, `${file}.o.ptxas`);
    if (!existsSync(report)) throw new Error(`${report} is missing: build @fusor/cuda first`);
    const architecture = hopper ? 'sm_90a' : 'sm_80';
    const counts = new Map(
      filesBelow(join(buildFolder, 'src', 'ptx', file), '.ptx')
        .map(text)
        .filter((ptx) => new RegExp(`^\\.target ${architecture}$`, 'm').test(ptx))
        .flatMap((ptx) => [...countTensorInstructions(ptx)]),
    );
    for (const { name, ...kernel } of parsePtxas(text(report))) {
      if (kernel.architecture !== architecture) continue;
      rows.push({ file, name, row: { ...kernel, tensorInstructions: counts.get(name) ?? 0 } });
    }
  }
  const names = kernelNames(rows.map(({ name }) => name));
  const entries = rows.map(({ file, row }, i) => [`${file}: ${names[i]}`, row]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Where the parameters of a demangled function begin: at the first parenthesis outside of template arguments. */
function endOfName(name) {
  let depth = 0;
  for (const [i, letter] of [...name].entries()) {
    if (letter === '<') depth += 1;
    else if (letter === '>') depth -= 1;
    else if (letter === '(' && depth === 0) return i;
  }
  return name.length;
}

/** A line for each kernel, so that changes can be read; and the compiler, since another one allocates otherwise. */
export function resourcesText(compiler, kernels) {
  const lines = Object.entries(kernels).map(
    ([name, row]) => `    ${JSON.stringify(name)}: ${JSON.stringify(row)}`,
  );
  return `{\n  "compiler": ${JSON.stringify(compiler)},\n  "kernels": {\n${lines.join(',\n')}\n  }\n}\n`;
}
