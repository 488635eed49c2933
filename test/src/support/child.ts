import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/**
 * Runs a script of these tests, such as `life/idle.child`, in a Node process of its own and gives what it prints, as JSON: what is measured there is
 * not the test runner's. Node cannot run TypeScript here, so it runs what `tsc -b test` has made of it.
 */
export async function runChild<Result>(
  name: string,
  options: { nodeArgs?: string[]; args?: string[]; env?: Record<string, string>; timeout?: number } = {},
): Promise<Result> {
  const script = fileURLToPath(new URL(`../../dist/${name}.js`, import.meta.url));
  if (!existsSync(script)) throw new Error(`${script} is not built: npx tsc -b test`);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...(options.nodeArgs ?? []), script, ...(options.args ?? [])],
    { timeout: options.timeout ?? 240_000, maxBuffer: 2 ** 24, env: { ...process.env, ...options.env } },
  );
  return JSON.parse(stdout) as Result;
}
