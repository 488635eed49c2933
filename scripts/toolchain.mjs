// What a native build depends on besides its sources. Its text is part of the task hash, so that another compiler means
// another build and not a cached one.
import { execFileSync } from 'node:child_process';

function firstLine(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split(
      '\n',
    )[0];
  } catch {
    return undefined;
  }
}

/** The versions of the tools that build the addon; undefined where one is missing. */
export function toolchain() {
  return {
    platform: `${process.platform}-${process.arch}`,
    cmake: firstLine('cmake', ['--version']),
    compiler: firstLine(process.env.CXX ?? 'c++', ['--version']),
    node: process.versions.modules,
  };
}
