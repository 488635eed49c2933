#!/usr/bin/env node
// Builds the native part of @fusor/native from the sources in this package, for platforms without a prebuilt package. Needs
// CMake and a C++20 compiler; downloads nothing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const usage = `usage: fusor-native-build [--jobs N] [--keep]

  --jobs N   compile N files at a time (default: ${availableParallelism()})
  --keep     keep the folder of the build and print where it is`;

function stop(message, status = 1) {
  console.error(message);
  process.exit(status);
}

function options() {
  try {
    const { values } = parseArgs({
      options: { jobs: { type: 'string' }, keep: { type: 'boolean' }, help: { type: 'boolean' } },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    const jobs = Number(values.jobs ?? availableParallelism());
    if (!Number.isInteger(jobs) || jobs < 1) stop(`--jobs must be a number from 1 on, got ${values.jobs}`, 2);
    return { jobs, keep: values.keep === true };
  } catch (error) {
    return stop(`${error.message}\n${usage}`, 2);
  }
}

const { jobs, keep } = options();
if (process.platform === 'win32') {
  stop(
    'There is no source build on Windows. The package for it is prebuilt: npm install @fusor/native-win32-x64-msvc',
  );
}
const installed = join(import.meta.dirname, '..');
const sources = join(installed, 'sources.txz');
if (!existsSync(sources))
  stop('There is no sources.txz in this package. In a checkout of the repository: npm run build');
const work = mkdtempSync(join(tmpdir(), 'fusor-native-build-'));
const build = join(work, 'build');

function cmake(args, cwd = work) {
  const { status, error } = spawnSync('cmake', args, { stdio: 'inherit', cwd });
  if (error) {
    stop(
      'CMake 3.22 or newer is missing. Debian, Ubuntu: apt-get install cmake g++; Alpine: apk add cmake g++ make; macOS: brew install cmake',
    );
  }
  if (status !== 0) stop(`cmake ${args.join(' ')} failed in ${work}`);
}

const began = Date.now();
const output = `-DFUSOR_OUTPUT_DIRECTORY=${join(installed, 'lib')}`;
cmake(['-E', 'tar', 'xf', sources]);
cmake(['-S', work, '-B', build, '-DCMAKE_BUILD_TYPE=Release', '-DFUSOR_EMULATED_SETS=OFF', output]);
cmake(['--build', build, '--config', 'Release', '--parallel', String(jobs)]);
cmake(['--install', build, '--config', 'Release', '--prefix', installed]);
if (keep) console.log(`build folder: ${work}`);
else rmSync(work, { recursive: true, force: true });

const { version } = await import('../dist/index.js');
console.log(
  `fusor ${version} is built and loads (${Math.round((Date.now() - began) / 1000)} s): ${join(installed, 'lib')}`,
);
