// Memory refused to the engine, as JavaScript sees it: an OutOfMemoryError or the right result, nothing left behind, and the same
// work done afterwards. Linux only; the C++ tests (fault_injection_test.cpp) refuse more, and need no preloading.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChild } from '../support/child.ts';
import { buildPreload, canPreload } from '../support/preload.ts';
import type { RefusedResult } from './refused.child.ts';

describe.skipIf(!canPreload)('memory refused to the engine', () => {
  let folder: string;
  let library: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-refuse-'));
    library = join(folder, 'refuse.so');
    await buildPreload(join(import.meta.dirname, 'refuse.cpp'), library);
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  const environment = async (name: string, contents: BigInt64Array) => {
    const control = join(folder, name);
    await writeFile(control, contents);
    return { LD_PRELOAD: library, FUSOR_REFUSALS: control };
  };

  it.each(['tensors', 'ops', 'plans'])('%s: an error or the right result, and nothing left', async (work) => {
    const result = await runChild<RefusedResult>('faults/refused.child', {
      args: [work],
      nodeArgs: ['--expose-gc'],
      env: await environment(work, new BigInt64Array(4)),
    });
    console.log(`refused, ${work}: ${JSON.stringify({ ...result, wrong: result.wrong.length })}`);
    expect(result.wrong).toEqual([]);
    expect(result.failed).toBeGreaterThan(4);
  });

  it('the first that a process does: an error of ours or the right result', async () => {
    const first = async (nth: number, onwards: boolean) =>
      runChild<{ outcome: string; asked: number; refused: number }>('faults/first.child', {
        env: await environment('first', BigInt64Array.of(BigInt(nth), onwards ? 1n : 0n, 0n, 0n)),
      });
    const { asked } = await first(1_000_000, false);
    expect(asked).toBeGreaterThan(10);
    // The first few, which are asked for while the addon is loaded, and so many of all.
    const step = Math.ceil(asked / Number(process.env.FUSOR_REFUSE_FIRST ?? 8));
    const known = ['2 2 2', 'ERR_FUSOR_OUT_OF_MEMORY', 'ERR_FUSOR_LOAD'];
    let processes = 0;
    for (let nth = 1; nth <= asked; nth += nth < 3 ? 1 : step) {
      for (const onwards of [false, true]) {
        const { outcome, refused } = await first(nth, onwards);
        processes += 1;
        expect(refused === 0 ? known.slice(0, 1) : known, `request ${nth} of ${asked}`).toContain(outcome);
      }
    }
    console.log(`refused, first call: ${processes} processes, ${asked} requests in each`);
  }, 900_000);
});
