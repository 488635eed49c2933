// What gpu/check asks of the machine that it runs on.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { architectures } from '../lib/programs.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'fusor-gpu-programs-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A program that prints these lines, as nvidia-smi would. */
function tool(name: string, lines: readonly string[], status = 0): string {
  const file = join(scratch, name);
  writeFileSync(
    file,
    `#!/bin/sh\nprintf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')}\nexit ${status}\n`,
  );
  chmodSync(file, 0o755);
  return file;
}

describe('the architectures that are built for', () => {
  it('are those of the cards, each once', () => {
    expect(architectures(tool('two-kinds', ['9.0', '12.0', '9.0', '8.6']))).toEqual([
      '86-real',
      '90-real',
      '120-real',
    ]);
  });

  it('are left to the build where no card can be asked', () => {
    expect(architectures(join(scratch, 'nowhere'))).toEqual([]);
    expect(architectures(tool('no-driver', ['NVIDIA-SMI has failed'], 9))).toEqual([]);
    expect(architectures(tool('odd', ['[N/A]']))).toEqual([]);
  });
});
