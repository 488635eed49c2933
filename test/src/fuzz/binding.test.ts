// Random calls of the addon's own functions, past the checks of the TypeScript face.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChild } from '../support/child.ts';
import type { BindingResult } from './binding.child.ts';

const calls = 20_000;
const seeds = (process.env.FUSOR_FUZZ_SEEDS ?? '1').split(',').map(Number);

describe('functions of fusor.node called with random arguments', () => {
  it.each(seeds)(
    'do what they are told or throw: seed %i',
    async (seed) => {
      const folder = await mkdtemp(join(tmpdir(), 'fusor-fuzz-'));
      const trace = join(folder, 'last-call');
      try {
        const result = await runChild<BindingResult>('fuzz/binding.child', {
          args: [String(seed), String(calls), trace],
        }).catch(async (error: unknown) => {
          throw new Error(`the process did not live through: ${(await readFile(trace, 'utf8')).trim()}`, {
            cause: error,
          });
        });
        console.log(`binding, seed ${seed}: ${JSON.stringify({ ...result, wrong: result.wrong.length })}`);
        expect(result.wrong).toEqual([]);
        // Else the arguments would be too often wrong, or never.
        expect(result.accepted).toBeGreaterThan(calls / 5);
        expect(result.refused).toBeGreaterThan(calls / 10);
        expect(result.plans).toBeGreaterThan(calls / 400);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    240_000,
  );
});
