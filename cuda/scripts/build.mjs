// Builds the CUDA backend: the emulator everywhere, the library for GPUs where nvcc is. FUSOR_CUDA_ALL_ARCHITECTURES=1 builds
// for every GPU that Fusor supports, as releases do, instead of sm_80 and sm_90a.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { findNvcc } from './nvcc.mjs';
import { readResources, resourcesText } from './resources/read.mjs';

const folder = join(import.meta.dirname, '..');
const build = join(folder, 'build');

/** What fails ends the build, with the compiler's own words above. */
function run(what, args) {
  const { status, error } = spawnSync('cmake', args, { cwd: folder, stdio: 'inherit' });
  if (status === 0) return;
  console.error(`@fusor/cuda: ${what} failed${error ? `: ${error.message}` : ''}`);
  process.exit(1);
}

if (process.platform !== 'linux') {
  console.log(
    `@fusor/cuda: nothing to build on ${process.platform}; the backend and its emulator are for Linux`,
  );
  process.exit(0);
}
const { nvcc, version, reason } = findNvcc();
if (nvcc === undefined) console.log(`@fusor/cuda: ${reason}: only the emulator is built, for tests`);
const all = process.env.FUSOR_CUDA_ALL_ARCHITECTURES === '1' ? 'ON' : 'OFF';
const generator = spawnSync('ninja', ['--version'], { stdio: 'ignore' }).status === 0 ? ['-G', 'Ninja'] : [];
run('configuring', [
  '-S',
  '.',
  '-B',
  build,
  ...generator,
  `-DFUSOR_CUDA_NVCC=${nvcc ? 'ON' : 'OFF'}`,
  // By name CMake finds the one in PATH by itself.
  ...(nvcc?.includes('/') ? [`-DFUSOR_NVCC=${nvcc}`] : []),
  `-DFUSOR_CUDA_ALL_ARCHITECTURES=${all}`,
]);
const target = (name) => ['--build', build, '--parallel', String(availableParallelism()), '--target', name];
run('building the emulator', target('fusor_cuda_emulated'));
const resources = join(build, 'resources.json');
rmSync(resources, { force: true });
if (nvcc !== undefined) {
  run(`building the library for GPUs with ${nvcc}`, target('fusor_cuda'));
  writeFileSync(resources, resourcesText(version, readResources(join(folder, 'src'), build)));
}
