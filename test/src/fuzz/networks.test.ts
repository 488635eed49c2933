// Random networks, eager against compiled, on every instruction set of this machine.

import { devices } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { runChild } from '../support/child.ts';
import type { NetworksResult } from './networks.child.ts';

const networksPerSeed = 250;
// Others are tried by `FUSOR_FUZZ_SEEDS=17,18 npx vitest run test/src/fuzz`.
const seeds = (process.env.FUSOR_FUZZ_SEEDS ?? '1,2').split(',').map(Number);

/** The machine's own instruction set, and those of x86-64 that it could run besides. */
async function instructionSets(): Promise<string[]> {
  const own = (await devices())[0]!.instructionSet!;
  if (process.arch !== 'x64') return [own];
  // Whatever is above the baseline here has AVX2, which the emulation needs.
  return own === 'baseline' ? [own] : [own, 'baseline', 'avx512-emulated'];
}

describe.each(await instructionSets())('random networks on %s', (set) => {
  it.each(seeds)(
    'give eagerly what they give compiled: seed %i',
    async (seed) => {
      const { networks, elements, tensorsLeft, wrong } = await runChild<NetworksResult>(
        'fuzz/networks.child',
        {
          args: [String(seed), String(networksPerSeed)],
          env: { FUSOR_ISA: set },
        },
      );
      expect(wrong).toEqual([]);
      expect(tensorsLeft).toBe(0);
      expect(networks).toBe(networksPerSeed);
      expect(elements).toBeGreaterThan(1000 * networksPerSeed);
    },
    240_000,
  );
});
