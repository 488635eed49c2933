import type { Platform } from './platform.ts';
import { expectedVersion } from './version.ts';

/** Something that was tried, and how it failed. */
export interface Attempt {
  readonly name: string;
  readonly error: unknown;
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** The command of the package manager that this process seems to come from, as far as it leaves traces. */
function installCommand(name: string, platform: Platform): string {
  const wanted = `${name}@${expectedVersion}`;
  if ('bun' in process.versions) return `bun add ${wanted}`;
  if ('deno' in process.versions) return `deno install npm:${wanted}`;
  if ('pnp' in process.versions) return `yarn add ${wanted}`;
  if (/[\\/]node_modules[\\/]\.pnpm[\\/]/.test(import.meta.url ?? '')) return `pnpm add ${wanted}`;
  const libc = platform.libc === undefined ? '' : ` --libc=${platform.libc}`;
  return `npm install --include=optional --os=${platform.os} --cpu=${platform.cpu}${libc} ${wanted}`;
}

/** What to do about it, most likely cause first; each line ends in a command where there is one. */
function remedies(platform: Platform, attempts: readonly Attempt[]): string[] {
  const source = 'npx fusor-native-build';
  const builds = platform.os !== 'win32';
  const texts = attempts.map(({ error }) => messageOf(error)).join('\n');
  const codes = attempts.map(({ error }) => codeOf(error));
  if (codes.includes('ERR_DLOPEN_DISABLED')) {
    return ['Node forbids native addons here. Allow them with: node --permission --allow-addons …'];
  }
  if (codes.includes('ERR_ACCESS_DENIED')) {
    return [
      "Node's permission model hides the files. Allow reading them with: --allow-fs-read=…/node_modules/",
    ];
  }
  const tooOld = /version [`'](GLIBC|GLIBCXX|CXXABI)_([\d.]+)' not found/.exec(texts);
  if (tooOld !== null) {
    return [
      `The binary needs glibc 2.28 and the libstdc++ of GCC 8 or newer; this system lacks ${tooOld[1]}_${tooOld[2]}. Update the system, or build from source: ${source}`,
    ];
  }
  if (/Error relocating .*: symbol not found/.test(texts)) {
    return [
      `The binary needs the libstdc++ of GCC 8 or newer and musl 1.2; this system lacks a function of theirs. Update it with: apk upgrade libstdc++ musl, or build from source: ${source}`,
    ];
  }
  if (/lib(stdc\+\+|gcc_s)\.so/.test(texts)) {
    return [
      platform.libc === 'musl'
        ? 'The C++ runtime is missing. Install it with: apk add libstdc++'
        : 'The C++ runtime is missing. Install it with: apt-get install libstdc++6 (Fedora, RHEL: dnf install libstdc++)',
    ];
  }
  if (attempts.some(({ name }) => name.startsWith('FUSOR_NATIVE_PATH='))) {
    return [
      'FUSOR_NATIVE_PATH must be the path of a fusor.node. To use the installed one: unset FUSOR_NATIVE_PATH',
    ];
  }
  if (texts.includes('no prebuilt package for this platform')) {
    if (!builds) return ['Fusor runs on Windows for x64 only.'];
    return [`Build it from source (needs CMake and a C++20 compiler): ${source}`];
  }
  return [
    `Install the package of this platform: ${installCommand(`@fusor/native-${platform.name}`, platform)}`,
    'It is an optional dependency, left out by --omit=optional, by a lockfile or node_modules made on another platform, and by a container image that copies them.',
    ...(builds ? [`Or build it from source (needs CMake and a C++20 compiler): ${source}`] : []),
    'In a checkout of the repository: npm run build',
  ];
}

/** The message of an addon that could not be loaded. */
export function explain(platform: Platform, attempts: readonly Attempt[]): string {
  return [
    `the native part of @fusor/native could not be loaded on ${platform.name} (Node ${process.version}); tried`,
    ...attempts.map(({ name, error }) => `  ${name}: ${messageOf(error)}`),
    ...remedies(platform, attempts),
  ].join('\n');
}
