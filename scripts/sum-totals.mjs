// The last line of CI: what the test commands before it counted, together. Fails if one of them counted nothing.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { printTotals, sum } from './ctest.mjs';

const reports = join(import.meta.dirname, '..', 'build', 'reports');
const expected = ['totals-test.json', 'totals-install.json'];
const missing = expected.filter((file) => !existsSync(join(reports, file)));
const counts = missing.map((file) => ({
  passed: 0,
  failed: 1,
  skipped: 0,
  failures: [`${file} is missing: its tests did not get to their end`],
}));
for (const name of readdirSync(reports).filter((file) => /^totals-.*\.json$/.test(file))) {
  counts.push(JSON.parse(readFileSync(join(reports, name), 'utf8')));
}
const total = sum(counts);
printTotals(total);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
