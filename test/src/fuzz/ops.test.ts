// Random calls of every op, in processes of their own so that one that dies is a failed test with the call's name.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChild } from '../support/child.ts';
import type { FuzzResult } from './ops.child.ts';

const callsPerSeed = 4000;
// Others are tried by `FUSOR_FUZZ_SEEDS=17,18 npx vitest run test/src/fuzz`.
const seeds = (process.env.FUSOR_FUZZ_SEEDS ?? '1,2,3').split(',').map(Number);

describe('ops called with random arguments', () => {
  it.each(seeds)(
    'give a result, the same as compiled, or a typed error, and leave no memory: seed %i',
    async (seed) => {
      const folder = await mkdtemp(join(tmpdir(), 'fusor-fuzz-'));
      const trace = join(folder, 'last-call');
      try {
        const result = await runChild<FuzzResult>('fuzz/ops.child', {
          args: [String(seed), String(callsPerSeed), trace],
        }).catch(async (error: unknown) => {
          throw new Error(`the process did not live through: ${(await readFile(trace, 'utf8')).trim()}`, {
            cause: error,
          });
        });
        console.log(`fuzz, seed ${seed}: ${JSON.stringify({ ...result, wrong: result.wrong.length })}`);
        expect(result.wrong).toEqual([]);
        expect(result.tensorsLeft).toBe(0);
        // Else the arguments would be too often wrong, or never.
        expect(result.results).toBeGreaterThan(callsPerSeed / 4);
        expect(result.refused).toBeGreaterThan(callsPerSeed / 8);
        expect(result.compared).toBeGreaterThan(callsPerSeed / 50);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    240_000,
  );
});
