// Files written by the PyTorch of this machine (Debian's python3-torch), of sizes and kinds that golden files of a few
// KB cannot have.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openStateDict, readStateDict } from '@fusor/weights';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectedIn, expectSame } from './support/fixtures.ts';

const python = '/usr/bin/python3';
const present = spawnSync(python, ['-c', 'import torch']).status === 0;
if (!present) console.warn(`skipped: ${python} has no torch; apt-get install python3-torch brings it`);

const script = fileURLToPath(new URL('./support/torch_cases.py', import.meta.url));
const run = promisify(execFile);

describe.skipIf(!present)('files written by the PyTorch of this machine', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-weights-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const cases = ['small', 'large', 'dtypes', 'checkpoint'].flatMap((kind) =>
    ['zip', 'stream'].flatMap((container) =>
      (kind === 'small' ? [2, 3, 4, 5] : [2]).map((protocol) => [kind, container, protocol] as const),
    ),
  );

  it.each(cases)(
    '%s tensors, %s container, pickle protocol %i',
    async (kind, container, protocol) => {
      const file = join(folder, `${kind}.${container}.${protocol}.pth`);
      const json = `${file}.json`;
      await run(python, [
        script,
        file,
        json,
        ...['--case', kind, '--container', container, '--protocol', `${protocol}`],
      ]);
      // `large` has more views of its storages than the default limit lets pass.
      const maxBytes = 2 ** 28;
      expectSame(await readStateDict(file, { maxBytes }), await expectedIn(json));
      await using lazy = await openStateDict(file);
      for (const [name, { byteLength }] of lazy.tensors) {
        await lazy.readInto(name, new Uint8Array(byteLength));
      }
      expect(lazy.format).toBe(container === 'zip' ? 'torch-zip' : 'torch-legacy');
    },
    300_000,
  );
});
