// Builds with the nvcc that is here, for the cards that are here, what was also carried along built: the primitives'
// conformance test and the library, which takes the place of the carried one. Each target is a case; ninja goes on where it
// was stopped. Where cuobjdump is, a last case looks into the machine code for the tensor-core instructions that the PTX has.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cudaFolder } from '../lib/places.mjs';
import { architectures, has, runProgram } from '../lib/programs.mjs';

const TARGETS = {
  cuda: ['fusor_cuda_primitives', 'fusor_cuda'],
  'cuda-emulated': ['fusor_cuda_emulated'],
};

/** Kernels that have tensor-core instructions by the committed table, and none in the library's machine code. */
async function lookIntoMachineCode(deadline) {
  const scripts = join(cudaFolder, 'scripts', 'resources');
  const { SassReader, kernelsWithoutTensorCores } = await import(
    pathToFileURL(join(scripts, 'sass.mjs')).href
  );
  const reader = new SassReader();
  const library = join(cudaFolder, 'lib', 'libfusor_cuda.so');
  const { status, output, late } = await runProgram('cuobjdump', ['-sass', library], {
    deadline,
    line: (line) => reader.add(line),
  });
  if (late) return undefined;
  if (status !== 0) return { status: 'failed', detail: output };
  const { kernels } = JSON.parse(readFileSync(join(cudaFolder, 'resources.json'), 'utf8'));
  const without = kernelsWithoutTensorCores(kernels, reader.counts);
  if (without.length > 0) return { status: 'failed', detail: without.join('\n') };
  return {
    status: 'passed',
    values: { 'kernels with them': reader.counts.filter(({ count }) => count > 0).length },
  };
}

/** Machine code for the cards that are here; where they cannot be asked, what a checkout builds. */
function architectureOption(emulated) {
  const cards = emulated ? [] : architectures();
  return cards.length === 0 ? [] : [`-DCMAKE_CUDA_ARCHITECTURES=${cards.join(';')}`];
}

export async function run({ device, deadline, folder, isDone, isLate, add }) {
  const emulated = device.startsWith('cuda-emulated');
  const missing = [
    ['cmake', ['--version']],
    ['ninja', ['--version']],
    ...(emulated ? [] : [['nvcc', ['--version']]]),
  ].filter(([command, args]) => !has(command, args));
  if (missing.length > 0) {
    add('tools', {
      status: 'skipped',
      detail: `${missing.map(([command]) => command).join(', ')} not found`,
    });
    return;
  }
  const build = join(folder, 'build');
  const steps = {
    configure: [
      ...['-S', cudaFolder, '-B', build, '-G', 'Ninja'],
      `-DFUSOR_CUDA_NVCC=${emulated ? 'OFF' : 'ON'}`,
      ...architectureOption(emulated),
    ],
  };
  for (const target of TARGETS[emulated ? 'cuda-emulated' : 'cuda']) {
    steps[target] = ['--build', build, '--parallel', String(availableParallelism()), '--target', target];
  }
  for (const [name, args] of Object.entries(steps)) {
    if (isDone(name)) continue;
    if (isLate()) return;
    const start = Date.now();
    const { status, output, late } = await runProgram('cmake', args, { deadline });
    if (late) return;
    add(name, {
      status: status === 0 ? 'passed' : 'failed',
      seconds: (Date.now() - start) / 1000,
      ...(status === 0 ? {} : { detail: output }),
    });
    if (status !== 0) return;
  }
  const title = 'tensor-core instructions in the machine code';
  if (emulated || isDone(title) || isLate()) return;
  if (!has('cuobjdump')) {
    add(title, { status: 'skipped', detail: 'cuobjdump not found' });
    return;
  }
  const found = await lookIntoMachineCode(deadline);
  if (found !== undefined) add(title, found);
}
