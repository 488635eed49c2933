// What the builds for other systems have in common (arm64.mjs, musl.mjs, windows.mjs).
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

export function hasCommand(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** The arguments of cmake that configure a build of the engine into `build` with a toolchain file, its libraries in `prefix`/lib. */
export function crossConfiguration({ build, prefix, toolchain, tests }) {
  return [
    '-S',
    join(root, 'native'),
    '-B',
    build,
    `-DFUSOR_TESTS=${tests ? 'ON' : 'OFF'}`,
    '-DCMAKE_BUILD_TYPE=Release',
    `-DFUSOR_OUTPUT_DIRECTORY=${join(prefix, 'lib')}`,
    `-DCMAKE_TOOLCHAIN_FILE=${join(root, toolchain)}`,
  ];
}
