// What the compiler says about every kernel: registers, spills, stack and shared memory (ptxas), and how many tensor-core
// instructions there are (PTX). The committed table, cuda/resources.json, is the measure:
//
//   node cuda/scripts/resources.mjs            fails where a kernel spills more than in the table (or spills and is new), has
//                                              fewer tensor-core instructions, or is gone with them (needs nvcc; without it
//                                              says so and succeeds)
//   node cuda/scripts/resources.mjs --update   writes the table
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { compareResources, countTensorInstructions, parsePtxas } from './resources/report.mjs';

const cuda = join(import.meta.dirname, '..');
const table = join(cuda, 'resources.json');
const nvcc =
  process.env.CUDACXX ??
  ['nvcc', '/usr/local/cuda/bin/nvcc'].find(
    (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
  );
if (nvcc === undefined) {
  console.log('skipped: nvcc is missing, the resources of kernels are not compared');
  process.exit(0);
}

/** One compilation to machine code, with the report and the PTX. */
function compile(source) {
  const architecture = source.endsWith('.sm90a.cu') ? '90a' : '80';
  const folder = mkdtempSync(join(tmpdir(), 'fusor-resources-'));
  const options = [
    '-std=c++20',
    '-O3',
    `-gencode=arch=compute_${architecture},code=sm_${architecture}`,
    '-I',
    join(cuda, 'src'),
    '-I',
    join(cuda, '..', 'native', 'include'),
    '-Xptxas=-v',
    '--keep',
    '--keep-dir',
    folder,
    '-cubin',
    '-o',
    join(folder, 'kernels.cubin'),
    source,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(nvcc, options, { stdio: ['ignore', 'ignore', 'pipe'] });
    let report = '';
    child.stderr.on('data', (text) => {
      report += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const ptx = readdirSync(folder).filter((name) => name.endsWith('.ptx'));
      const text = ptx.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
      rmSync(folder, { recursive: true });
      if (code !== 0) reject(new Error(`${basename(source)}:\n${report}`));
      else resolve({ report, ptx: text });
    });
  });
}

function demangle(names) {
  const { stdout, status } = spawnSync('c++filt', { input: names.join('\n'), encoding: 'utf8' });
  return status === 0 ? stdout.trimEnd().split('\n') : names;
}

const sources = readdirSync(join(cuda, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.cu'))
  .map((name) => join(cuda, 'src', name))
  .sort();
const queue = [...sources];
const rows = [];
async function worker() {
  for (let source = queue.shift(); source !== undefined; source = queue.shift()) {
    const { report, ptx } = await compile(source);
    const tensor = countTensorInstructions(ptx);
    for (const kernel of parsePtxas(report)) {
      rows.push({
        file: relative(join(cuda, 'src'), source),
        ...kernel,
        tensorInstructions: tensor.get(kernel.name) ?? 0,
      });
    }
  }
}
await Promise.all(Array.from({ length: Math.min(availableParallelism(), sources.length) }, worker));
const names = demangle(rows.map(({ name }) => name));
const measured = {};
for (const [i, { name: _name, ...row }] of rows.entries()) {
  const short = names[i].replace(/fusor::cuda::|\(anonymous namespace\)::|^void /g, '').replace(/\(.*$/, '');
  measured[`${row.file}: ${short}`] = row;
}
const sorted = Object.fromEntries(
  Object.entries(measured)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { file: _file, ...row }]) => [name, row]),
);

if (process.argv.includes('--update')) {
  const lines = Object.entries(sorted).map(
    ([name, row]) => `  ${JSON.stringify(name)}: ${JSON.stringify(row)}`,
  );
  writeFileSync(table, `{\n${lines.join(',\n')}\n}\n`);
  console.log(`${lines.length} kernels written to ${relative(process.cwd(), table)}`);
} else {
  const committed = existsSync(table) ? JSON.parse(readFileSync(table, 'utf8')) : {};
  const { problems, notes } = compareResources(committed, sorted);
  for (const note of notes) console.log(note);
  for (const problem of problems) console.log(`FAILED: ${problem}`);
  console.log(
    problems.length === 0
      ? `${Object.keys(sorted).length} kernels as in ${relative(process.cwd(), table)}`
      : 'If this is meant: node cuda/scripts/resources.mjs --update, and say why in the commit',
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
