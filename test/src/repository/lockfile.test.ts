import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const audit = join(import.meta.dirname, '..', '..', '..', 'scripts', 'audit.mjs');

// Known vulnerabilities are asked of the registry, and so by `npm run audit:lockfile` and by the release alone.
it('the lockfiles bring nothing without integrity, with a licence that is not listed, or with a script that has no reason', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [audit, '--offline']);
  expect(stdout).toMatch(/package-lock\.json: \d{3} packages, \d+ of them reach users/);
});
