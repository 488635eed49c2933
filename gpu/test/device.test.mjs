// The device tests where there is no vitest: `node --test`, started by ../stages/test.mjs. Every result is appended to a file at
// once; what has passed before is not run again, and none begins after the deadline.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MODES, runCase } from '../lib/cases.mjs';

const { FUSOR_CHECK_FOLDER: folder, FUSOR_CHECK_STAGE: stage, FUSOR_CHECK_DEVICE: device } = process.env;
const deadline = Number(process.env.FUSOR_CHECK_DEADLINE);
const only = new RegExp(process.env.FUSOR_CHECK_ONLY ?? '');
const cases = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'cases', 'cases.json'), 'utf8'));
const results = join(folder, 'results.json');
const before = existsSync(results) ? (JSON.parse(readFileSync(results, 'utf8')).stages[stage] ?? {}) : {};

for (const each of cases) {
  for (const mode of MODES) {
    const name = `${each.name}, ${mode.title}`;
    if (!only.test(name) || before[name]?.status === 'passed') continue;
    test(name, async (t) => {
      if (Date.now() >= deadline) return t.skip('the budget is spent');
      const start = performance.now();
      const tell = (result) => {
        const seconds = (performance.now() - start) / 1000;
        appendFileSync(join(folder, `${stage}.jsonl`), `${JSON.stringify({ name, ...result, seconds })}\n`);
      };
      try {
        await runCase(each, mode, device);
      } catch (error) {
        tell({ status: 'failed', detail: String(error.stack ?? error) });
        throw error;
      }
      tell({ status: 'passed' });
    });
  }
}
