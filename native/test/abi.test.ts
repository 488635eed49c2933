import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test.runIf(process.platform === 'linux')(
  'exported functions and the layout of structs are as recorded in abi/fusor.txt',
  async () => {
    const script = join(import.meta.dirname, '..', 'scripts', 'abi.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [script]).catch(
      (error: { stdout: string; stderr: string }) => ({ stdout: `${error.stdout}${error.stderr}` }),
    );
    expect(stdout).toMatch(/^\d+ functions, \d+ structs, \d+ values: as recorded\n$/);
  },
);
