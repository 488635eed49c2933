import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ArgumentError } from '@fusor/errors';
import { Conv2d, compile } from '@fusor/layers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

// A process that tunes one convolution, and prints why each step got its algorithm.
const script = `
  import { Conv2d, compile } from '@fusor/layers';
  const plan = await compile(new Conv2d(32, 32, 3, { padding: 1 }).eval(), {
    input: [1, 32, 14, 14], device: 'cpu', tune: 'measure', ...JSON.parse(process.argv[1]),
  });
  console.log(plan.describe().toString());
`;

async function tune(options: object, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', script, JSON.stringify(options)],
    { cwd: fileURLToPath(new URL('..', import.meta.url)), env: { ...process.env, ...env } },
  );
  return stdout;
}

describe("tune: 'measure' remembers", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-tuning-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('for the next process, in the directory of the option', async () => {
    const first = await tune({ cacheDirectory: folder });
    expect(first).toContain('(measured)');
    const second = await tune({ cacheDirectory: folder }, { FUSOR_CACHE_DIR: '/nowhere' });
    expect(second).toContain('(measured, cached)');
    expect(second.replace('measured, cached', 'measured').match(/\S+ ?\S* \(measured\)/)?.[0]).toBe(
      first.match(/\S+ ?\S* \(measured\)/)?.[0],
    );
    // Another thread count is no other question; another instruction set is.
    expect(await tune({ cacheDirectory: folder, threads: 1 })).toContain('(measured, cached)');
    expect(await tune({ cacheDirectory: folder }, { FUSOR_ISA: 'baseline' })).toContain('(measured)');
  });

  test('in that of the environment variable, and nowhere where that is empty', async () => {
    expect(await tune({}, { FUSOR_CACHE_DIR: folder })).toContain('(measured)');
    expect(await tune({}, { FUSOR_CACHE_DIR: folder })).toContain('(measured, cached)');
    expect(await readdir(folder)).toEqual(['tuning']);
    const home = join(folder, 'home');
    expect(await tune({}, { FUSOR_CACHE_DIR: '', HOME: home, XDG_CACHE_HOME: home })).toContain('(measured)');
    await expect(readdir(home)).rejects.toThrow('ENOENT');
  });

  test('and measures again where the file is damaged, which it then replaces', async () => {
    const file = join(folder, 'tuning');
    await tune({ cacheDirectory: folder });
    const good = await readFile(file, 'utf8');
    for (const damaged of ['', 'not a cache', good.slice(0, -2), good.replace(/\d(?=[^\n]*\n$)/, 'x')]) {
      await writeFile(file, damaged);
      expect(await tune({ cacheDirectory: folder })).toContain('(measured)');
      expect(await tune({ cacheDirectory: folder })).toContain('(measured, cached)');
    }
  });

  test('or goes without where nothing can be written', async () => {
    expect(await tune({ cacheDirectory: '/dev/null/here' })).toContain('(measured)');
  });

  test('and says (model) where nothing was measured', async () => {
    const layer = new Conv2d(32, 32, 3, { padding: 1 }).eval();
    const plan = await compile(layer, { input: [1, 32, 14, 14], device: 'cpu' });
    expect(plan.describe().toString()).toContain('(model');
    plan.dispose();
  });

  test('a directory that is none is an error at once', async () => {
    const layer = new Conv2d(1, 1, 3).eval();
    const options = { input: [1, 1, 9, 9], device: 'cpu' } as const;
    await expect(compile(layer, { ...options, cacheDirectory: 3 as never })).rejects.toThrow(ArgumentError);
    await expect(compile(layer, { ...options, cacheDirectory: 'a\0b' })).rejects.toThrow(ArgumentError);
  });
});
