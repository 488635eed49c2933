import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { RivalProcess } from './child.ts';

const source = fileURLToPath(new URL('../../native/onednn.cpp', import.meta.url));
const howToGet = 'install a C++ compiler and oneDNN (Debian, Ubuntu: apt-get install g++ libdnnl-dev)';

/**
 * oneDNN behind the small program in native/onednn.cpp, which is compiled when it is first used and kept in the user's
 * cache folder; or why there is none.
 */
export async function findOneDnn(): Promise<
  { readonly process: RivalProcess; readonly version: string } | { readonly missing: string }
> {
  let program: string;
  try {
    program = await buildProgram();
  } catch {
    return { missing: `oneDNN is not there: ${howToGet}` };
  }
  // Threads that wait actively between the fork-joins of a run are its fastest setting; pauses between turns let them rest.
  const child = new RivalProcess('oneDNN', program, [], { OMP_PROC_BIND: 'false', OMP_DYNAMIC: 'false' });
  try {
    const { version } = await child.answer();
    return { process: child, version: String(version) };
  } catch (error) {
    return { missing: `oneDNN cannot be run: ${error instanceof Error ? error.message : String(error)}` };
  }
}

async function buildProgram(): Promise<string> {
  const run = promisify(execFile);
  const compiler = process.env.CXX ?? 'c++';
  const { stdout: version } = await run(compiler, ['--version']);
  const text = await readFile(source);
  const key = createHash('sha256').update(text).update(version).digest('hex').slice(0, 16);
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'fusor-bench');
  const program = join(folder, `onednn-${key}`);
  const exists = await stat(program).then(
    () => true,
    () => false,
  );
  if (exists) return program;
  await mkdir(folder, { recursive: true });
  const partial = `${program}.${process.pid}`;
  await run(compiler, ['-std=c++17', '-O2', '-fopenmp', source, '-o', partial, '-ldnnl']);
  await rename(partial, program);
  return program;
}
