// The build for arm64 by Debian's cross compiler: its C++ tests run under qemu, and its library goes into a package.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

export const arm64Build = join(root, 'native', 'build-arm64');
/** A CMake prefix: include/ excepted, what the package for arm64 ships. */
export const arm64Prefix = join(arm64Build, 'prefix');

export function hasCommand(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Whether this machine can build for arm64, as a cross build. */
export function canBuildArm64() {
  return process.arch === 'x64' && hasCommand('aarch64-linux-gnu-g++') && hasCommand('cmake');
}

/** The arguments of cmake that configure the build, without tests unless `doctest` is at hand. */
export function arm64Configuration(tests) {
  return [
    '-S',
    join(root, 'native'),
    '-B',
    arm64Build,
    `-DFUSOR_TESTS=${tests ? 'ON' : 'OFF'}`,
    '-DCMAKE_BUILD_TYPE=Release',
    `-DFUSOR_OUTPUT_DIRECTORY=${join(arm64Prefix, 'lib')}`,
    `-DCMAKE_TOOLCHAIN_FILE=${join(root, 'native', 'cmake', 'aarch64-linux-gnu.cmake')}`,
  ];
}
