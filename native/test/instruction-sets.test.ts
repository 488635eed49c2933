import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { devices } from '@fusor/native';
import { describe, expect, test } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

/** Instruction sets of this build that this machine can run. */
function available(): string[] {
  if (process.arch !== 'x64') return [];
  let flags = '';
  try {
    flags = readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return ['baseline'];
  }
  const sets = ['baseline'];
  if (/\bavx2\b/.test(flags) && /\bfma\b/.test(flags)) sets.push('avx2', 'avx512-emulated');
  if (/\bavx512f\b/.test(flags) && /\bavx512vl\b/.test(flags)) sets.push('avx512');
  return sets;
}

describe('all operations agree with f64 on every instruction set of this machine', () => {
  const sets = available();
  test.runIf(sets.length > 0).each(sets)(
    '%s',
    async (set) => {
      const [cpu] = await devices();
      // The tests in parity/ ran with this one already.
      if (cpu!.instructionSet === set) return;
      const { stdout } = await run(
        process.execPath,
        // What an emulated GPU computes does not depend on it.
        [vitest, 'run', '--project', 'cpu', 'native/test/parity', '--reporter=json'],
        {
          cwd: root,
          env: { ...process.env, FUSOR_ISA: set },
          maxBuffer: 1 << 26,
        },
      ).catch((error: { stdout: string }) => error);
      const report = JSON.parse(stdout) as {
        numTotalTests: number;
        testResults: {
          assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
        }[];
      };
      const failures = report.testResults
        .flatMap((file) => file.assertionResults)
        .filter(({ status }) => status === 'failed')
        .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages[0]?.split('\n')[0]}`);
      expect(failures).toEqual([]);
      expect(report.numTotalTests).toBeGreaterThan(150);
    },
    180_000,
  );
});
