// The compiler for GPUs, where there is one that can build the library.
import { spawnSync } from 'node:child_process';

const OLDEST = 13;

/** `{ nvcc, version }`, or `{ reason }`: why there is none to use. CUDACXX names one, as it does for CMake. */
export function findNvcc() {
  const names = process.env.CUDACXX ? [process.env.CUDACXX] : ['nvcc', '/usr/local/cuda/bin/nvcc'];
  for (const name of names) {
    const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    if (status !== 0) continue;
    const version = /\bV(\d+(?:\.\d+)*)/.exec(stdout)?.[1] ?? 'unknown';
    if (Number.parseInt(version, 10) < OLDEST) {
      return { reason: `${name} is of CUDA ${version}, and CUDA ${OLDEST} or newer is needed` };
    }
    return { nvcc: name, version };
  }
  return { reason: `nvcc (CUDA ${OLDEST}) was not found` };
}
