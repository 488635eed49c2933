// gpu/pack and gpu/check, rehearsed in an empty folder with the emulated GPU.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const scratch = mkdtempSync(join(tmpdir(), 'fusor-gpu-check-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const carried = join(scratch, 'carried');
const pack = join(import.meta.dirname, '..', 'pack.mjs');
const python = spawnSync('python3', ['--version']).status === 0;

interface Saved {
  readonly about: Record<string, string>;
  readonly stages: Record<string, Record<string, { readonly status: string; readonly detail?: string }>>;
}

// Importing PyTorch, where there is one, would take longer than all the rest.
const env = {
  PATH: `${join(process.execPath, '..')}:/usr/bin:/bin`,
  FUSOR_PYTHON: join(scratch, 'no-python'),
};

/** What a call in the carried folder prints, and its exit status. Nothing of the checkout is to be found from there. */
function check(...words: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(
    join(carried, 'check'),
    [...words, '--device', 'cuda-emulated', '--out', join(scratch, 'results')],
    { cwd: scratch, encoding: 'utf8', env },
  );
  return { status, output: `${stdout}${stderr}` };
}

function saved(): Saved {
  return JSON.parse(readFileSync(join(scratch, 'results', 'results.json'), 'utf8')) as Saved;
}

describe.skipIf(process.platform !== 'linux' || !python)('what is carried to a machine with a GPU', () => {
  beforeAll(() => {
    execFileSync(process.execPath, [pack, '--out', carried, '--no-node', '--fast'], { stdio: 'pipe' });
  });

  it('runs the device tests there, writes what it found, and goes on from it', () => {
    const first = check('test', '^(layerNorm|gather and indexSelect),');
    expect(first).toMatchObject({ status: 0, output: expect.stringContaining('12 passed') });
    const tests = Object.entries(saved().stages.test!);
    expect(tests.length).toBe(12);
    expect(tests.every(([, { status }]) => status === 'passed')).toBe(true);
    for (const name of ['results.md', 'results.html']) {
      expect(readFileSync(join(scratch, 'results', name), 'utf8')).toMatch(/test: 12 passed/);
    }
    const again = check('test', '^(layerNorm|relu), f32');
    expect(again.output.match(/✓/g)).toHaveLength(2);
    expect(Object.keys(saved().stages.test!).length).toBe(14);
  });

  it('measures what memory bounds next to a copy', () => {
    expect(check('bench:kernels', 'layerNorm')).toMatchObject({
      status: 0,
      output: expect.stringMatching(/layerNorm, rows of 48.*\n.*copy, rows of 48.*\n.*2 measured/),
    });
  });

  it('has there every source file that builds the library', () => {
    expect(check('test', '^relu, f32, eager$').status).toBe(0); // what unpacks it
    const root = join(import.meta.dirname, '..', '..');
    const sources = execFileSync('git', ['ls-files', 'CMakeLists.txt', 'cmake', 'src'], {
      cwd: join(root, 'cuda'),
      encoding: 'utf8',
    });
    const there = join(carried, 'app', 'node_modules', '@fusor', 'cuda');
    expect(
      sources
        .trim()
        .split('\n')
        .filter((name) => !existsSync(join(there, name))),
    ).toEqual([]);
  });

  it('says what it cannot do, and stops at its budget', () => {
    expect(check('bench:torch', 'resnet50', '1').output).toMatch(/– bench:torch: PyTorch: spawn .*ENOENT/);
    const late = check('test', '^exp,', '--budget', '0.001');
    expect(late).toMatchObject({ status: 3, output: expect.stringContaining('the budget is spent') });
    expect(check('tset').status).toBe(2);
  });

  it('tells a wrong result with its place', () => {
    // The unpacked copy, spoilt.
    const file = join(carried, 'app', 'gpu', 'cases', 'cases.json');
    expect(existsSync(file)).toBe(true);
    const script = `
      const fs = require('node:fs');
      const cases = JSON.parse(fs.readFileSync(process.argv[1], 'utf8'));
      const output = cases.find((each) => each.name === 'sigmoid').outputs[0];
      const bytes = Buffer.from(output.data, 'base64');
      bytes.writeFloatLE(2, 12);
      output.data = bytes.toString('base64');
      fs.writeFileSync(process.argv[1], JSON.stringify(cases));`;
    execFileSync(process.execPath, ['-e', script, file]);
    expect(check('test', '^sigmoid, f16, eager')).toMatchObject({
      status: 1,
      output: expect.stringMatching(/✗ test: sigmoid, f16, eager: .*element 3 is .*, expected 2 within/),
    });
    expect(readFileSync(join(scratch, 'results', 'results.md'), 'utf8')).toMatch(/sigmoid, f16, eager/);
  });
});
