// The device tests, on the device that vitest.config.ts names; device.test.mjs runs them where there is no vitest.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { testDevice } from '../../native/test/support.ts';
import { type Case, MODES, runCase } from '../lib/cases.mjs';

const file = join(import.meta.dirname, '..', 'cases', 'cases.json');
const cases = JSON.parse(readFileSync(file, 'utf8')) as Case[];

describe.each(MODES)(`on ${testDevice} in $title`, (mode) => {
  for (const each of cases) it(each.name, () => runCase(each, mode, testDevice));
});
