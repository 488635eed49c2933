// Fusor used for long: memory stays flat, whatever is created, run, disposed, left to the collector or terminated; and a
// process can end at any moment. A long form: FUSOR_SOAK_SECONDS=600 FUSOR_SOAK_EXITS=200 npx vitest run test/src/soak.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runChild } from '../support/child.ts';
import { drift } from './drift.ts';
import type { SoakResult } from './soak.child.ts';

const seconds = Number(process.env.FUSOR_SOAK_SECONDS ?? 30);
const exits = Number(process.env.FUSOR_SOAK_EXITS ?? 24);

describe('soak', () => {
  it(
    `memory is flat over ${seconds} s of creating, running, disposing and terminating`,
    async () => {
      const result = await runChild<SoakResult>('soak/soak.child', {
        args: [String(seconds)],
        nodeArgs: ['--expose-gc'],
        timeout: (seconds + 120) * 1000,
      });
      const { residentMegabytes, tensorsLeft, plansLeft, ...counts } = result;
      const growth = drift(residentMegabytes);
      console.log(
        `soak: ${JSON.stringify({ ...counts, firstMegabytes: Math.round(residentMegabytes[0]!), lastMegabytes: Math.round(residentMegabytes.at(-1)!), driftMegabytes: Number(growth.total.toFixed(1)) })}`,
      );
      expect(result.cycles).toBeGreaterThan(2);
      expect(result.wrong).toBe(0);
      // What the collector has not found after one cycle it has after a later one.
      expect(Math.min(...tensorsLeft.slice(-10))).toBeLessThanOrEqual(0);
      expect(Math.min(...plansLeft.slice(-10))).toBeLessThanOrEqual(0);
      expect(growth.total).toBeLessThan(growth.bound);
    },
    (seconds + 180) * 1000,
  );
});

const endings: readonly (readonly [how: string, code: number | 'SIGTERM'])[] = [
  ['exit', 7],
  ['throw', 1],
  ['reject', 1],
  ['end', 0],
  ['exit-in-listener', 7],
  ['terminate-and-exit', 7],
  ['exit-in-worker', 7],
  ['signal', 'SIGTERM'],
];

describe('a process ends in the middle of the work', () => {
  it.each(endings)(
    'by %s',
    async (how, expected) => {
      const script = fileURLToPath(new URL('../../dist/soak/exit.child.js', import.meta.url));
      const rounds = Math.ceil(exits / endings.length);
      for (let round = 0; round < rounds; ++round) {
        const delay = String((round * 7) % 60);
        const ending = await new Promise<{ code: number | string; stderr: string }>((resolve) => {
          execFile(process.execPath, [script, how, delay], { timeout: 60_000 }, (error, _, stderr) => {
            resolve({ code: error === null ? 0 : (error.signal ?? error.code ?? -1), stderr });
          });
        });
        expect({ round, ...ending, stderr: '' }).toEqual({ round, code: expected, stderr: '' });
        if (expected === 0 || expected === 7) expect(ending.stderr).toBe('');
      }
    },
    60_000 + 20_000 * exits,
  );
});
