// The last line of CI: what the test commands before it counted, together. Fails if one of them counted nothing.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const reports = join(import.meta.dirname, '..', 'build', 'reports');
const expected = ['totals-test.json', 'totals-install.json'];
const sum = { passed: 0, failed: 0, skipped: 0 };
for (const name of expected.filter((file) => !existsSync(join(reports, file)))) {
  console.log(`${name} is missing: its tests did not get to their end`);
  sum.failed += 1;
}
for (const name of readdirSync(reports).filter((file) => /^totals-.*\.json$/.test(file))) {
  const totals = JSON.parse(readFileSync(join(reports, name), 'utf8'));
  for (const key of Object.keys(sum)) sum[key] += totals[key];
}
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exit(sum.failed === 0 && sum.passed > 0 ? 0 : 1);
