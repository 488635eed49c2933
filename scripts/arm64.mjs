// The build for arm64 by Debian's cross compiler: its C++ tests run under qemu, and its library goes into a package.
import { join } from 'node:path';
import { crossConfiguration, hasCommand } from './cross-build.mjs';

const root = join(import.meta.dirname, '..');

export const arm64Build = join(root, 'native', 'build-arm64');
/** A CMake prefix: include/ excepted, what the package for arm64 ships. */
export const arm64Prefix = join(arm64Build, 'prefix');

/** Whether this machine can build for arm64, as a cross build. */
export function canBuildArm64() {
  return process.arch === 'x64' && hasCommand('aarch64-linux-gnu-g++') && hasCommand('cmake');
}

/** The arguments of cmake that configure the build, without tests unless `doctest` is at hand. */
export function arm64Configuration(tests) {
  return crossConfiguration({
    build: arm64Build,
    prefix: arm64Prefix,
    toolchain: 'native/cmake/aarch64-linux-gnu.cmake',
    tests,
  });
}
