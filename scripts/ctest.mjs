// Runs a build folder's ctests and counts them by ctest's own report.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Runs the tests of `build` with these names (all of them, if there are none) and tells how many passed, failed and were
 * skipped, and which failed, after `where`. `expected` tests have failed if there is no readable report.
 */
export function runCtest(build, { where, report, names = [], expected = names.length, args = [], env }) {
  mkdirSync(dirname(report), { recursive: true });
  const only = names.length === 0 ? '.' : `^(${names.join('|')})$`;
  const options = ['--test-dir', build, '-R', only, '--output-on-failure', '--output-junit', report, ...args];
  spawnSync('ctest', options, { stdio: 'inherit', env });
  const summary = existsSync(report) ? readFileSync(report, 'utf8') : '';
  const number = (name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(summary)?.[1] ?? Number.NaN);
  const [tests, failed, skipped] = [number('tests'), number('failures'), number('skipped')];
  if (Number.isNaN(tests + failed + skipped) || tests === 0) return notRun(where, expected);
  const failures = [...summary.matchAll(/<testcase name="([^"]+)"[^>]*status="fail"/g)];
  return {
    passed: tests - failed - skipped,
    failed,
    skipped,
    failures: failures.map(([, name]) => `${where}: ${name}`),
  };
}

/** What counts where tests could not be run at all. */
export function notRun(where, tests) {
  return {
    passed: 0,
    failed: tests,
    skipped: 0,
    failures: [`${where}: ${tests} tests that could not be run`],
  };
}

/** Several counts together. */
export function sum(counts) {
  const total = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for (const { passed, failed, skipped, failures } of counts) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
    total.failures.push(...failures);
  }
  return total;
}

/** The last lines of a run: what failed, and how many. */
export function printTotals({ passed, failed, skipped, failures }) {
  for (const failure of failures) console.log(`failed: ${failure}`);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
}
