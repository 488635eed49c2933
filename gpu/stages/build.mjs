// Builds with the nvcc that is here what was also carried along built: the primitives' conformance test and the library, which
// takes the place of the carried one. Each target is a case; ninja goes on where it was stopped.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cudaFolder } from '../lib/places.mjs';
import { has, runProgram } from '../lib/programs.mjs';

const TARGETS = {
  cuda: ['fusor_cuda_primitives', 'fusor_cuda'],
  'cuda-emulated': ['fusor_cuda_emulated'],
};

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
}
