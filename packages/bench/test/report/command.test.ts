import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../bin/fusor-bench.js', import.meta.url));
const sample = new URL('../samples/models.json', import.meta.url);

interface Finished {
  readonly status: number;
  readonly output: string;
  readonly complaints: string;
}

describe('fusor-bench report', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-report-'));
    await copyFile(sample, join(folder, 'models.json'));
  });

  afterAll(() => rm(folder, { recursive: true }));

  function report(...args: string[]): Promise<Finished> {
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [script, 'report', ...args],
        { cwd: folder },
        (error, output, complaints) => {
          const status = error === null ? 0 : Number(error.code ?? -1);
          resolve({ status, output, complaints });
        },
      );
    });
  }

  it('writes one page into the current folder', async () => {
    const { status, complaints } = await report('models.json');
    expect({ status, complaints }).toEqual({ status: 0, complaints: 'wrote fusor-report.html\n' });
    const page = await readFile(join(folder, 'fusor-report.html'), 'utf8');
    expect(page.startsWith('<!doctype html>')).toBe(true);
    expect(page.trimEnd().endsWith('</html>')).toBe(true);
  });

  it('writes Markdown to standard output, and nothing else', async () => {
    const before = await readdir(folder);
    const { status, output } = await report('models.json', '--markdown', '-');
    expect(status).toBe(0);
    expect(output).toMatch(/^## Fusor on Example processor/);
    expect(await readdir(folder)).toEqual(before);
  });

  it('writes both where both are named', async () => {
    expect((await report('models.json', '--html', 'a.html', '--markdown', 'a.md')).status).toBe(0);
    expect(await readFile(join(folder, 'a.md'), 'utf8')).toContain('| Network');
    expect(await readFile(join(folder, 'a.html'), 'utf8')).toContain('<!doctype html>');
  });

  it('says which file is not results, and which cannot be written', async () => {
    await writeFile(join(folder, 'other.json'), '{"hello": 1}');
    const wrong = await report('models.json', 'other.json');
    expect(wrong.status).toBe(2);
    expect(wrong.complaints).toContain('other.json: format: expected');
    const missing = await report('none.json');
    expect(missing.complaints).toContain('none.json: there is no such file');
    const unwritable = await report('models.json', '--html', 'models.json/page.html');
    expect(unwritable.status).toBe(2);
    expect(unwritable.complaints).toMatch(/models\.json\/page\.html: cannot be written \((EEXIST|ENOTDIR)\)/);
    const swallowed = await report('models.json', '--markdown', 'other.json');
    expect(swallowed.status).toBe(2);
    expect(swallowed.complaints).toContain('it would overwrite a results file');
  });
});
