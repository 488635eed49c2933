import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const execute = promisify(execFile);

async function run(
  source: string,
  environment: Record<string, string> = {},
): Promise<{ stdout: string; stderr: string; code: number }> {
  const options = { cwd: import.meta.dirname, env: { ...process.env, ...environment }, timeout: 60_000 };
  try {
    const { stdout, stderr } = await execute(
      process.execPath,
      ['--input-type=module', '-e', source],
      options,
    );
    return { stdout: stdout.trim(), stderr: stderr.trim(), code: 0 };
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
    return { stdout: stdout.trim(), stderr: stderr.trim(), code };
  }
}

describe('a process', () => {
  test('ends by itself when nothing is under way, whatever tensors are left', async () => {
    const { code, stdout } = await run(`
      import { Tensor } from '@fusor/native';
      globalThis.x = Tensor.ones([10]).add(1);
      console.log((await globalThis.x.data())[0]);`);
    expect([code, stdout]).toEqual([0, '2']);
  });

  test('waits for a promise that is under way', async () => {
    const { code, stdout } = await run(`
      import { ops, Tensor } from '@fusor/native';
      const x = Tensor.ones([512, 512]);
      ops.matmul(x, x).data().then((data) => console.log(data[0]));`);
    expect([code, stdout]).toEqual([0, '512']);
  });

  test('may exit in the middle of the work', async () => {
    const { code, stderr } = await run(`
      import { ops, Tensor } from '@fusor/native';
      const x = Tensor.ones([1024, 1024]);
      for (let i = 0; i < 20; i++) ops.matmul(x, x).data();
      setTimeout(() => process.exit(7), 20);`);
    expect([code, stderr]).toEqual([7, '']);
  });

  test('keeps its event loop free while the stream computes', async () => {
    const { stdout } = await run(`
      import { ops, synchronize, Tensor } from '@fusor/native';
      const x = Tensor.ones([1536, 1536]);
      await ops.matmul(x, x).data();
      let turns = 0;
      const timer = setInterval(() => (turns += 1), 1);
      for (let i = 0; i < 10; i++) ops.matmul(x, x).dispose();
      const called = performance.now();
      await synchronize();
      clearInterval(timer);
      console.log(turns >= 5 && performance.now() - called > 5);`);
    expect(stdout).toBe('true');
  });

  test('starts no thread by importing', async () => {
    const { stdout } = await run(`
      import { readdirSync } from 'node:fs';
      import { readFile } from 'node:fs/promises';
      // Node's own pool, which loading modules uses, is there from now on.
      await Promise.all(Array.from({ length: 16 }, () => readFile(process.execPath.replace(/[^/]*$/, ''), 'utf8').catch(() => 0)));
      const threads = () => { try { return readdirSync('/proc/self/task').length; } catch { return 0; } };
      const before = threads();
      const { Tensor } = await import('@fusor/native');
      const imported = threads();
      await Tensor.ones([3]).data();
      console.log(imported === before, before === 0 || threads() > before);`);
    expect(stdout).toBe('true true');
  });

  test('that asks for an instruction set which does not exist is told which there are', async () => {
    const { code, stderr, stdout } = await run(
      `import { Tensor } from '@fusor/native';
       try { await Tensor.ones([3]).data(); } catch (error) { console.log(error.code); throw error; }`,
      { FUSOR_ISA: 'avx9000' },
    );
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/avx9000/);
    expect(stderr).toMatch(/baseline|neon/);
  });

  test('without the native part is told what was tried and what to do', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fusor-'));
    try {
      const native = join(import.meta.dirname, '..');
      await cp(join(native, 'dist'), join(folder, 'dist'), { recursive: true });
      await cp(join(native, 'package.json'), join(folder, 'package.json'));
      await mkdir(join(folder, 'node_modules/@fusor'), { recursive: true });
      await symlink(join(native, '../packages/errors'), join(folder, 'node_modules/@fusor/errors'));
      const { stdout } = await run(`
        await import(${JSON.stringify(join(folder, 'dist/index.js'))}).catch((error) => console.log(error.code, error.message));`);
      expect(stdout).toMatch(
        /^ERR_FUSOR_LOAD the native part of @fusor\/native could not be loaded on \S+-\S+ \(Node v/,
      );
      expect(stdout).toMatch(/lib\/fusor\.node: Cannot find module/);
      expect(stdout).toMatch(/npm run build/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('can require() the module', async () => {
    const { stdout } = await run(`
      import { createRequire } from 'node:module';
      const { Tensor } = createRequire(process.cwd() + '/x.js')('@fusor/native');
      console.log(await Tensor.from([3]).item());`);
    expect(stdout).toBe('3');
  });
});
