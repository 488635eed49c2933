// The platforms that Fusor is prebuilt for. A package is generated for each: what npm looks at (`os`, `cpu`, `libc`) and the
// files of one CMake prefix. The loader, native/ts/addon/load.ts, has the same names.

/** Packages of the CPU engine: @fusor/native-NAME. */
export const nativePlatforms = [
  {
    name: 'linux-x64-gnu',
    os: 'linux',
    cpu: 'x64',
    libc: 'glibc',
    title: 'Linux with glibc 2.28 or newer, x86-64',
  },
  { name: 'linux-x64-musl', os: 'linux', cpu: 'x64', libc: 'musl', title: 'Linux with musl, x86-64' },
  {
    name: 'linux-arm64-gnu',
    os: 'linux',
    cpu: 'arm64',
    libc: 'glibc',
    title: 'Linux with glibc 2.28 or newer, arm64',
  },
  { name: 'darwin-arm64', os: 'darwin', cpu: 'arm64', title: 'macOS, Apple silicon' },
  { name: 'darwin-x64', os: 'darwin', cpu: 'x64', title: 'macOS, Intel' },
  { name: 'win32-x64-msvc', os: 'win32', cpu: 'x64', title: 'Windows, x86-64' },
];

/** Packages of the CUDA backend: @fusor/cuda-NAME. */
export const cudaPlatforms = [
  {
    name: 'linux-x64',
    os: 'linux',
    cpu: 'x64',
    libc: 'glibc',
    title: 'Linux with glibc 2.28 or newer, x86-64',
  },
  {
    name: 'linux-arm64',
    os: 'linux',
    cpu: 'arm64',
    libc: 'glibc',
    title: 'Linux with glibc 2.28 or newer, arm64',
  },
  { name: 'win32-x64', os: 'win32', cpu: 'x64', title: 'Windows, x86-64' },
];

/** The names and one version of a family, as `optionalDependencies`. */
export function optionalDependencies(family, platforms, version) {
  return Object.fromEntries(platforms.map(({ name }) => [`@fusor/${family}-${name}`, version]));
}

/** What all generated packages have in common. Binaries must lie in the file system, not in Plug'n'Play's archives. */
function manifest(family, { name, os, cpu, libc, title }, version, description) {
  return {
    name: `@fusor/${family}-${name}`,
    version,
    description: `${description} for ${title}.`,
    license: 'Apache-2.0',
    type: 'commonjs',
    preferUnplugged: true,
    engines: { node: '>=20.19' },
    os: [os],
    cpu: [cpu],
    ...(libc ? { libc: [libc] } : {}),
    files: ['include', 'lib', 'README.md', 'LICENSE'],
  };
}

export function nativeManifest(platform, version) {
  return {
    ...manifest('native', platform, version, 'The native part of @fusor/native'),
    exports: { './fusor.node': './lib/fusor.node', './package.json': './package.json' },
  };
}

export function cudaManifest(platform, version) {
  return {
    ...manifest('cuda', platform, version, 'The native part of @fusor/cuda'),
    exports: { './package.json': './package.json' },
  };
}

/** The platform that Node runs on here. */
export function hostName() {
  const { platform, arch } = process;
  if (platform === 'linux') {
    const { glibcVersionRuntime } = process.report.getReport().header;
    return `linux-${arch}-${glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`;
  }
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}
