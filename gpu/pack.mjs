// node gpu/pack.mjs --out FOLDER [--no-node] [--fast]: what a bare machine with a GPU needs for gpu/check, in one folder of less
// than 64 MiB: Node (stripped), what was built here, the CUDA backend's sources, the device tests. `npm run build` comes first.
// --no-node leaves Node out, --fast compresses little and compiles nothing: for rehearsals.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const MOST_BYTES = 64 << 20;
const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: { out: { type: 'string' }, 'no-node': { type: 'boolean' }, fast: { type: 'boolean' } },
});
if (!values.out) {
  console.error('usage: node gpu/pack.mjs --out FOLDER [--no-node] [--fast]');
  process.exit(2);
}
const out = resolve(values.out);
const app = join(out, 'app.stage');
rmSync(app, { recursive: true, force: true });
rmSync(join(out, 'app'), { recursive: true, force: true });
mkdirSync(app, { recursive: true });

const run = (command, args, options = {}) => execFileSync(command, args, { stdio: 'inherit', ...options });
const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' });
const { version } = JSON.parse(readFileSync(join(root, 'native', 'package.json'), 'utf8'));

/** Copies parts of a folder, without what only editors read. */
function carry(from, to, names) {
  for (const name of names) {
    const source = join(root, from, name);
    if (!existsSync(source)) continue;
    cpSync(source, join(app, to, name), {
      recursive: true,
      filter: (path) => !/\.js\.map$|\.d\.ts(\.map)?$|\.tsbuildinfo$|__pycache__/.test(path),
    });
  }
}

carry('gpu', 'gpu', ['check.mjs', 'lib', 'stages', 'torch', 'cases/cases.json', 'test/device.test.mjs']);
writeFileSync(join(app, 'gpu', 'version'), `${version} ${commit.status === 0 ? commit.stdout.trim() : ''}\n`);
for (const name of ['errors', 'weights', 'layers', 'resnet']) {
  carry(`packages/${name}`, `node_modules/@fusor/${name}`, ['package.json', 'dist']);
}
carry('native', 'node_modules/@fusor/native', [
  ...['package.json', 'dist', 'include', 'cmake', 'lib/fusor.node', 'lib/libfusor.so'],
]);
carry('native/lib/shipped', 'node_modules/@fusor/native/lib', ['libfusor.so']);
carry('cuda', 'node_modules/@fusor/cuda', [
  ...['package.json', 'CMakeLists.txt', 'cmake', 'src', 'emulator', 'test', 'lib', 'lib-emulated'],
  ...['resources.json', 'scripts/resources'],
]);

// The conformance test of the primitives, for the GPU where nvcc is, and the emulator's where tests were built.
const build = join(root, 'cuda', 'build');
const nvcc =
  existsSync(join(root, 'cuda', 'lib', 'libfusor_cuda.so')) && existsSync(join(build, 'CMakeCache.txt'));
if (nvcc && !values.fast) {
  const parallel = ['--parallel', String(availableParallelism())];
  run('cmake', ['--build', build, ...parallel, '--target', 'fusor_cuda_primitives'], { stdio: 'ignore' });
}
mkdirSync(join(app, 'gpu', 'bin'));
for (const program of ['src/fusor_cuda_primitives', 'test/cuda_primitives']) {
  const file = join(build, program);
  if (existsSync(file)) run('strip', ['-o', join(app, 'gpu', 'bin', program.split('/')[1]), file]);
}

const effort = values.fast ? '-1' : '-9e';
run('tar', ['-C', app, '-cf', join(out, 'app.tar'), '.']);
run('xz', ['-f', '-T0', effort, join(out, 'app.tar')]);
rmSync(app, { recursive: true });
if (!values['no-node']) {
  // A minute and a half of xz: kept between calls.
  const kept = join(root, 'build', 'gpu', `node-${process.version}.xz`);
  if (!existsSync(kept)) {
    mkdirSync(join(root, 'build', 'gpu'), { recursive: true });
    const plain = kept.slice(0, -'.xz'.length);
    run('strip', ['-o', plain, process.execPath]);
    run('xz', ['-f', '-T0', '-9e', plain]);
  }
  cpSync(kept, join(out, 'node.xz'));
}
cpSync(join(root, 'gpu', 'check'), join(out, 'check'));
cpSync(join(root, 'gpu', 'README.md'), join(out, 'README.md'));
const bytes = readdirSync(out).reduce((sum, name) => sum + statSync(join(out, name)).size, 0);
console.log(`${out}: ${(bytes / 2 ** 20).toFixed(1)} MiB; there: ./check --out results`);
if (bytes > MOST_BYTES) {
  console.error(`more than ${MOST_BYTES >> 20} MiB`);
  process.exit(1);
}
