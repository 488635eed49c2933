// Builds the CUDA backend: the emulator everywhere, the library for GPUs where nvcc is. FUSOR_CUDA_ALL_ARCHITECTURES=1 builds
// for every GPU that Fusor supports, as releases do, instead of sm_80 and sm_90a.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..');
const build = join(folder, 'build');

function has(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: folder, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

if (process.platform !== 'linux') {
  console.log(
    `@fusor/cuda: nothing to build on ${process.platform}; the backend and its emulator are for Linux`,
  );
  process.exit(0);
}
const nvcc = has(process.env.CUDACXX ?? 'nvcc') || has('/usr/local/cuda/bin/nvcc');
if (!nvcc) {
  console.log('@fusor/cuda: nvcc (CUDA 13) was not found: only the emulator is built, for tests');
}
const all = process.env.FUSOR_CUDA_ALL_ARCHITECTURES === '1' ? 'ON' : 'OFF';
const generator = has('ninja') ? ['-G', 'Ninja'] : [];
run('cmake', [
  '-S',
  '.',
  '-B',
  build,
  ...generator,
  `-DFUSOR_CUDA_NVCC=${nvcc ? 'ON' : 'OFF'}`,
  `-DFUSOR_CUDA_ALL_ARCHITECTURES=${all}`,
]);
const target = (name) => ['--build', build, '--parallel', String(availableParallelism()), '--target', name];
run('cmake', target('fusor_cuda_emulated'));
if (nvcc) {
  const { status } = spawnSync('cmake', target('fusor_cuda'), { cwd: folder, stdio: 'inherit' });
  if (status !== 0) {
    console.error('@fusor/cuda: the library for GPUs could not be built; everything else works without it');
    // A release has to have it.
    if (all === 'ON') process.exit(1);
  }
}
