import { closeSync, openSync, readSync } from 'node:fs';

/** Which prebuilt package serves this process. */
export interface Platform {
  /** `'linux-x64-gnu'`: the package is `@fusor/native-linux-x64-gnu`. A name without a package is possible. */
  readonly name: string;
  readonly os: string;
  readonly cpu: string;
  /** Linux: as in package.json. */
  readonly libc?: 'glibc' | 'musl';
}

/**
 * The C library that the running program was linked to: the loader that its first bytes name. A report of the process
 * would tell as well, but takes 20 ms to make; it is the fallback where the program may not be read (`--permission`).
 */
function libc(): 'glibc' | 'musl' {
  try {
    const file = openSync(process.execPath, 'r');
    try {
      const start = Buffer.alloc(4096);
      const interpreter = /\/ld-(musl|linux)/.exec(start.toString('latin1', 0, readSync(file, start)));
      if (interpreter !== null) return interpreter[1] === 'musl' ? 'musl' : 'glibc';
    } finally {
      closeSync(file);
    }
  } catch {
    // Not readable: the report knows.
  }
  const header = (process.report?.getReport() as { header?: object } | undefined)?.header;
  return header === undefined || 'glibcVersionRuntime' in header ? 'glibc' : 'musl';
}

export function currentPlatform(): Platform {
  const { platform: os, arch: cpu } = process;
  if (os === 'linux') {
    const library = libc();
    return { name: `linux-${cpu}-${library === 'musl' ? 'musl' : 'gnu'}`, os, cpu, libc: library };
  }
  return { name: os === 'win32' ? `win32-${cpu}-msvc` : `${os}-${cpu}`, os, cpu };
}
