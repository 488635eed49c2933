// What a native build depends on besides its sources. Its text is part of the task hash, so that another compiler means
// another build and not a cached one.
import { execFileSync } from 'node:child_process';

function lines(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .split('\n');
  } catch {
    return [];
  }
}

const firstLine = (command, args) => lines(command, args)[0];
const lastLine = (command, args) => lines(command, args).at(-1);

/** The versions of the tools that build the addon; undefined where one is missing. */
export function toolchain() {
  return {
    platform: `${process.platform}-${process.arch}`,
    cmake: firstLine('cmake', ['--version']),
    compiler: firstLine(process.env.CXX ?? 'c++', ['--version']),
    nvcc: lastLine(process.env.CUDACXX ?? 'nvcc', ['--version']),
    node: process.versions.modules,
  };
}
