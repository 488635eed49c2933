// `npm test`, after the build: the C++ tests, once more under sanitizers, then the TypeScript ones. The last line sums what the runners reported.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { arm64Build, arm64Configuration, canBuildArm64 } from './arm64.mjs';
import { hasCommand } from './cross-build.mjs';
import { notRun, printTotals, runCtest, sum } from './ctest.mjs';
import { sanitizersMissing, shortForm, testSanitizers } from './sanitizers.mjs';

const root = join(import.meta.dirname, '..');
const reports = join(root, 'build', 'reports');
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });

function run(command, args) {
  return (
    spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' }).status ===
    0
  );
}

const skipped = (tests) => ({ passed: 0, failed: 0, skipped: tests, failures: [] });

function doctest() {
  const directories = ['/usr/include', '/usr/local/include', '/opt/homebrew/include'];
  return directories.some((directory) => existsSync(join(directory, 'doctest', 'doctest.h')));
}

/** The engine's own tests, in the addon's build folder so that what is compiled is compiled once. */
function testEngine() {
  const build = join(root, 'native', 'build');
  const cases = readdirSync(join(root, 'native', 'test', 'cpp')).filter((name) =>
    name.endsWith('_test.cpp'),
  ).length;
  if (!doctest()) {
    console.log(
      `${cases} C++ test programs skipped: doctest is missing (Debian, Ubuntu: apt-get install doctest-dev)`,
    );
    return skipped(cases);
  }
  const built =
    run('cmake', ['-S', 'native', '-B', build, '-DFUSOR_TESTS=ON', '-DCMAKE_BUILD_TYPE=Release']) &&
    run('cmake', ['--build', build, '--target', 'fusor_tests', '--parallel', String(availableParallelism())]);
  if (!built) return notRun('C++', cases);
  return runCtest(build, { where: 'C++', report: join(reports, 'ctest.xml'), expected: cases });
}

/** The CUDA backend's own tests, on the emulator, in the build folder of `npm run build`. */
function testCuda() {
  const folder = join(root, 'cuda');
  const build = join(folder, 'build');
  const cases = readdirSync(join(folder, 'test')).filter((name) => name.endsWith('_test.cpp')).length;
  if (process.platform !== 'linux' || !doctest()) {
    console.log(
      `${cases} C++ test programs of the CUDA backend skipped: doctest is missing, or this is not Linux`,
    );
    return skipped(cases);
  }
  const built =
    run('cmake', ['-S', 'cuda', '-B', build, '-DFUSOR_TESTS=ON']) &&
    run('cmake', [
      '--build',
      build,
      '--target',
      'fusor_cuda_tests',
      '--parallel',
      String(availableParallelism()),
    ]);
  if (!built) return notRun('CUDA', cases);
  return runCtest(build, { where: 'CUDA', report: join(reports, 'ctest-cuda.xml'), expected: cases });
}

/** The kernels' tests on NEON: cross-compiled for arm64, run by qemu. */
function testArm64() {
  const programs = ['binary', 'convert', 'convolution', 'gemm', 'layout', 'math', 'normalization', 'where'];
  const targets = programs.map((name) => `${name}_test`);
  if (!doctest() || !canBuildArm64() || !hasCommand('qemu-aarch64')) {
    console.log(
      `${targets.length} C++ test programs skipped on NEON: doctest, the cross compiler or qemu is missing ` +
        '(Debian, Ubuntu on x86-64: apt-get install doctest-dev g++-aarch64-linux-gnu qemu-user)',
    );
    return skipped(targets.length);
  }
  const parallel = ['--parallel', String(availableParallelism())];
  const built =
    run('cmake', arm64Configuration(true)) &&
    run('cmake', ['--build', arm64Build, '--target', ...targets, ...parallel]);
  if (!built) return notRun('NEON', targets.length);
  return runCtest(arm64Build, {
    where: 'NEON',
    report: join(reports, 'ctest-arm64.xml'),
    names: targets,
  });
}

/** What races, leaks or reads elsewhere, and some seconds of fuzzing: the short form of `npm run proof:sanitizers`. */
function testUnderSanitizers() {
  const missing = doctest()
    ? sanitizersMissing()
    : 'doctest is missing (Debian: apt-get install doctest-dev)';
  if (missing) {
    console.log(`${shortForm} C++ test programs skipped under sanitizers: ${missing}`);
    return skipped(shortForm);
  }
  return testSanitizers();
}

function testTypeScript() {
  const report = join(reports, 'vitest.json');
  const succeeded = run('npx', [
    'vitest',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ]);
  if (!existsSync(report)) return notRun('vitest', 1);
  const summary = JSON.parse(readFileSync(report, 'utf8'));
  const failures = summary.testResults.flatMap(({ name, status, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    // A file that fails to load has no failed test of its own.
    if (status === 'failed' && failed.length === 0) return [name];
    return failed.map(({ fullName }) => `${name}: ${fullName}`);
  });
  return {
    passed: summary.numPassedTests,
    failed: succeeded ? summary.numFailedTests : Math.max(summary.numFailedTests, 1),
    skipped: summary.numPendingTests + summary.numTodoTests,
    failures: failures.map((failure) => `vitest: ${failure}`),
  };
}

const totals = sum([testEngine(), testCuda(), testArm64(), testUnderSanitizers(), testTypeScript()]);
writeFileSync(join(reports, 'totals-test.json'), JSON.stringify(totals));
printTotals(totals);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);
