// node run.mjs BUNDLE: the tests of one bundled file; the last line of the output has their numbers.
import { pathToFileURL } from 'node:url';
import { startTests } from '@vitest/runner';
import './vitest.mjs';

const file = process.argv[2];
const runner = {
  config: {
    root: process.cwd(),
    setupFiles: [],
    tags: [],
    sequence: { hooks: 'stack', setupFiles: 'list' },
    maxConcurrency: 5,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    retry: 0,
    allowOnly: false,
    passWithNoTests: false,
    // Names the file of TypeScript that this is bundled from.
    testNamePattern: /^(?!.*the place it was called from)/,
  },
  importFile: (path) => import(pathToFileURL(path).href),
};
const files = await startTests([{ filepath: file, testLocations: undefined }], runner);
const counts = { passed: 0, failed: 0, skipped: 0 };
function count(task, names) {
  if (task.type === 'suite') {
    if (task.result?.state === 'fail' && task.result.errors?.length) report(task, names);
    for (const child of task.tasks) count(child, [...names, child.name]);
    return;
  }
  const state = task.result?.state;
  if (state === 'pass') counts.passed += 1;
  else if (state === 'fail') report(task, names);
  else counts.skipped += 1;
}
function report(task, names) {
  counts.failed += 1;
  const [error] = task.result.errors ?? [];
  console.log(`failed: ${names.join(' > ')}\n${error?.stack ?? error?.message}`);
}
for (const task of files) count(task, []);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
