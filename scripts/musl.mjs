// The build for musl: Debian's GCC with a libstdc++ made for it (musl/toolchain.sh). What comes of it runs on this machine,
// by musl's own loader, and goes into a package. The package registry has no Node.js for musl; Bun, which has Node-API, it has.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { crossConfiguration, hasCommand } from './cross-build.mjs';
import { notRun, runCtest, sum } from './ctest.mjs';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'build', 'musl');
const toolchain = join(folder, 'toolchain');
const script = join(import.meta.dirname, 'musl', 'toolchain.sh');
const loader = '/lib/ld-musl-x86_64.so.1';

export const muslBuild = join(folder, 'native');
/** A CMake prefix: include/ excepted, what the package for musl ships. */
export const muslPrefix = join(folder, 'prefix');
/** Where programs for musl find libstdc++ and libgcc_s: what Alpine has in /usr/lib. */
export const muslLibraries = join(toolchain, 'lib');

const gccVersion = () =>
  spawnSync('gcc', ['-dumpfullversion'], { encoding: 'utf8' }).stdout?.trim() ?? 'unknown';

/** The sources of the GCC that is installed, as Debian's package has them. */
function gccSources() {
  const directory = `/usr/src/gcc-${gccVersion().split('.')[0]}`;
  const archive = existsSync(directory)
    ? readdirSync(directory).find((name) => /^gcc-[\d.]+.*\.tar\.xz$/.test(name))
    : undefined;
  return archive === undefined ? undefined : join(directory, archive);
}

/** Why this machine cannot build for musl and run what is built, if so. */
export function muslMissing() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'it is built on Linux x64 only';
  const packages = [
    !hasCommand('g++') && 'g++',
    !hasCommand('cmake') && 'cmake',
    !hasCommand('make') && 'make',
    !hasCommand('gawk') && 'gawk',
    !(existsSync(loader) && existsSync('/usr/lib/x86_64-linux-musl/musl-gcc.specs')) && 'musl-tools',
    !gccSources() && `gcc-${gccVersion().split('.')[0]}-source`,
    !existsSync('/usr/include/doctest/doctest.h') && 'doctest-dev',
  ].filter(Boolean);
  return packages.length === 0 ? undefined : `missing (Debian: apt-get install ${packages.join(' ')})`;
}

/** Whether there is a build for musl to be packed. */
export const hasMuslBuild = () => existsSync(join(muslPrefix, 'lib', 'fusor.node'));

function run(command, args, stdio = 'inherit') {
  return spawnSync(command, args, { cwd: root, stdio }).status === 0;
}

/** Once for each version of GCC and of the script: it takes minutes. */
function makeToolchain() {
  const made = join(toolchain, 'made-by');
  const by = `gcc ${gccVersion()}, ${createHash('sha256').update(readFileSync(script)).digest('hex')}`;
  if (existsSync(made) && readFileSync(made, 'utf8') === by) return true;
  mkdirSync(toolchain, { recursive: true });
  if (!run(script, [toolchain, gccSources()])) return false;
  writeFileSync(made, by);
  return true;
}

const configuration = crossConfiguration({
  build: muslBuild,
  prefix: muslPrefix,
  toolchain: 'scripts/musl/toolchain.cmake',
  tests: true,
});
const parallel = ['--parallel', String(availableParallelism())];

/** Makes the toolchain, the engine, the addon and the C++ tests. */
function buildMusl() {
  const generator = existsSync(muslBuild) || !hasCommand('ninja') ? [] : ['-G', 'Ninja'];
  return (
    makeToolchain() &&
    run('cmake', [...configuration, ...generator]) &&
    run('cmake', ['--build', muslBuild, ...parallel])
  );
}

/** Brings what is packed up to date with the sources, where it was built before. */
export function refreshMuslPrefix() {
  const quiet = ['ignore', 'ignore', 'inherit'];
  const targets = ['--target', 'fusor', 'fusor_shipped', 'fusor_node'];
  return (
    run('cmake', ['--build', muslBuild, ...targets, ...parallel], quiet) &&
    run('cmake', ['--install', muslBuild, '--prefix', muslPrefix, '--component', 'cmake'], quiet)
  );
}

// ---- what runs on it ------------------------------------------------------------------------------------------------

/** Bun for musl, from the package registry; npm refuses to install what this machine's C library cannot run. */
export function muslBun() {
  const version = '1.4.5';
  const into = join(folder, `bun-${version}`);
  const bun = join(into, 'bin', 'bun');
  if (existsSync(bun)) return bun;
  rmSync(into, { recursive: true, force: true });
  mkdirSync(into, { recursive: true });
  run('npm', ['pack', '--silent', '--pack-destination', into, `@oven/bun-linux-x64-musl@${version}`]);
  const archive = readdirSync(into).find((name) => name.endsWith('.tgz'));
  if (!archive) throw new Error('Bun for musl could not be fetched from the package registry');
  run('tar', ['-xzf', join(into, archive), '-C', into, '--strip-components=1']);
  rmSync(join(into, archive));
  return bun;
}

/** How a program for musl that does not carry the path finds libstdc++. */
export const muslEnvironment = { LD_LIBRARY_PATH: muslLibraries };

/** Every symbol that libfusor asks for is there, of fusor.node's every one but Node-API's, which its program has. */
function checkSymbols() {
  const failures = ['libfusor.so', 'shipped/libfusor.so', 'fusor.node'].flatMap((name) => {
    const file = join(muslPrefix, 'lib', name);
    const { stdout, stderr } = spawnSync(loader, ['--library-path', muslLibraries, '--list', file], {
      encoding: 'utf8',
    });
    const missing = [...stderr.matchAll(/^Error.*$/gm)].map(([line]) => line);
    const unexpected = missing.filter((line) => !/fusor\.node: napi_\w+: symbol not found/.test(line));
    if (!stdout.includes('libstdc++.so.6')) unexpected.push(`${file} could not be listed: ${stderr}`);
    return unexpected;
  });
  return { passed: failures.length === 0 ? 1 : 0, failed: failures.length, skipped: 0, failures };
}

// The tests of the addon, of layers and of networks, which Bun runs as Vitest does. Not those that look at Node.js or at the
// build for glibc, start programs of their own or need threads of Vitest's.
const testFiles = [
  ...[
    'deferred',
    'environments',
    'errors',
    'interop',
    'plan',
    'random',
    'scope',
    'semantics',
    'tensor',
    'trace',
  ].map((name) => `native/test/${name}.test.ts`),
  ...['elementwise', 'movement', 'normalization', 'pooling', 'products', 'reduction'].map(
    (name) => `native/test/parity/${name}.test.ts`,
  ),
];

/** Each file in a process of its own, as Vitest has them. */
function testUnderBun() {
  const bun = muslBun();
  const reports = join(root, 'build', 'reports', 'bun-musl');
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  const env = {
    ...process.env,
    ...muslEnvironment,
    FUSOR_NATIVE_PATH: join(muslPrefix, 'lib', 'fusor.node'),
    FUSOR_CACHE_DIR: '',
  };
  return sum(
    testFiles.map((file) => {
      const report = join(reports, `${file.replaceAll('/', '-')}.xml`);
      const args = [
        'test',
        '--timeout=180000',
        '--reporter=junit',
        `--reporter-outfile=${report}`,
        `./${file}`,
      ];
      const { status } = spawnSync(bun, args, { cwd: root, stdio: 'inherit', env });
      const summary = existsSync(report) ? readFileSync(report, 'utf8') : '';
      const number = (name) =>
        Number(new RegExp(`<testsuites [^>]*\\b${name}="(\\d+)"`).exec(summary)?.[1] ?? Number.NaN);
      const [tests, failed, skipped] = [number('tests'), number('failures'), number('skipped')];
      if (Number.isNaN(tests + failed + skipped) || tests === 0) return notRun(`musl: ${file}`, 1);
      const wrong = status === 0 ? failed : Math.max(failed, 1);
      return {
        passed: tests - failed - skipped,
        failed: wrong,
        skipped,
        failures: wrong === 0 ? [] : [`musl: ${file}`],
      };
    }),
  );
}

/** The build, its C++ tests by musl's loader, and the addon in Bun. */
export function proveMusl() {
  if (!buildMusl() || !refreshMuslPrefix()) return notRun('musl', 1);
  const report = join(root, 'build', 'reports', 'ctest-musl.xml');
  return sum([
    runCtest(muslBuild, { where: 'musl', report, expected: 1, args: ['--parallel', '1'] }),
    checkSymbols(),
    testUnderBun(),
  ]);
}
