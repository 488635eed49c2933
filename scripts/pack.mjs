// `npm run pack:all -- --out DIR`: the packages as tarballs. Those that install on this machine go into DIR, so that
// `npm install DIR/*.tgz` works in an empty folder without a compiler; those of other platforms into DIR/other/.
//
// `--binaries FOLDER` takes the native parts from FOLDER/native-NAME and FOLDER/cuda-NAME (prefixes with a lib/), as the
// release workflow collects them, in place of what this machine builds. Only those that are there become dependencies then:
// some package managers fail on an optional dependency that the registry does not have. `--host` leaves out other platforms,
// but the one that `--also NAME` names.
//
// The manifests of packages that cannot be built here are written to DIR/other/manifests/.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { arm64Build, arm64Configuration, arm64Prefix, canBuildArm64 } from './arm64.mjs';
import { hasCommand } from './cross-build.mjs';
import { hasMuslBuild, muslPrefix, refreshMuslPrefix } from './musl.mjs';
import {
  cudaManifest,
  cudaPlatforms,
  hostName,
  nativeManifest,
  nativePlatforms,
  optionalDependencies,
} from './pack/platforms.mjs';
import { pack, readManifest, stageBinaries, stagePackage } from './pack/stage.mjs';
import { buildWindows, windowsBuild, windowsBuildMissing, windowsPrefix } from './windows.mjs';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    binaries: { type: 'string' },
    host: { type: 'boolean' },
    also: { type: 'string' },
  },
});
if (!values.out) {
  console.error('usage: npm run pack:all -- --out DIR [--binaries FOLDER] [--host [--also NAME]]');
  process.exit(2);
}
const out = resolve(values.out);
const other = join(out, 'other');
rmSync(other, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const name of readdirSync(out)) if (/^fusor-.*\.tgz$/.test(name)) rmSync(join(out, name));

/** What only the cross build for Windows reads: nobody builds from the packed sources there. */
const forWindows = /(_windows\.cpp|win32\.h|[\\/]windows(-x64\.cmake|\.cmake)?|fusor\.def)$/;

/** What the engine is built from, with the headers of Node-API: a source build needs no other package. */
function packSources(stage) {
  const sources = join(root, 'build', 'pack', 'sources');
  rmSync(sources, { recursive: true, force: true });
  for (const name of ['include', 'src', 'cmake', 'CMakeLists.txt', 'package.json']) {
    cpSync(join(root, 'native', name), join(sources, name), {
      recursive: true,
      filter: (path) => !forWindows.test(path),
    });
  }
  const require = createRequire(import.meta.url);
  const vendor = (name, from, files) => {
    const folder = dirname(require.resolve(`${name}/package.json`));
    for (const file of files) cpSync(join(folder, from, file), join(sources, 'vendor', name, file));
    const license = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
    cpSync(join(folder, license), join(sources, 'vendor', name, license));
  };
  const headers = ['js_native_api.h', 'js_native_api_types.h', 'node_api.h', 'node_api_types.h'];
  vendor('node-api-headers', 'include', headers);
  vendor('node-addon-api', '.', ['napi.h', 'napi-inl.h', 'napi-inl.deprecated.h']);
  execFileSync('cmake', ['-E', 'tar', 'cJf', join(stage, 'sources.txz'), '.'], { cwd: sources });
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`);
}

/** Where the native part of a platform lies, or why there is none. */
function nativePrefix(name) {
  if (values.binaries) {
    const prefix = join(resolve(values.binaries), `native-${name}`);
    return existsSync(prefix) ? { prefix } : { reason: `${prefix} does not exist` };
  }
  if (name === hostName()) return { prefix: join(root, 'native') };
  if (values.host && name !== values.also) return { reason: 'left out by --host' };
  if (name === 'linux-x64-musl') {
    if (!hasMuslBuild()) return { reason: 'not built here: npm run proof:musl builds and tests it' };
    return refreshMuslPrefix()
      ? { prefix: muslPrefix }
      : { reason: 'its build failed: npm run proof:musl tells how', failed: true };
  }
  if (name === 'win32-x64-msvc') return windowsNativePrefix();
  if (name !== 'linux-arm64-gnu') return { reason: 'built by the release workflow on a machine of its kind' };
  if (!canBuildArm64()) {
    return {
      reason: 'the cross compiler is missing (Debian, Ubuntu: apt-get install g++-aarch64-linux-gnu)',
    };
  }
  try {
    run('cmake', arm64Configuration(existsSync(join(arm64Build, 'test'))));
    const targets = ['--target', 'fusor', 'fusor_node'];
    run('cmake', ['--build', arm64Build, ...targets, '--parallel', String(availableParallelism())]);
    run('cmake', ['--install', arm64Build, '--prefix', arm64Prefix, '--component', 'cmake']);
    return { prefix: arm64Prefix };
  } catch (error) {
    return { reason: error.message, failed: true };
  }
}

/** Where `npm run proof:windows` has made a build, that is brought up to date: it takes minutes from nothing. */
function windowsNativePrefix() {
  const lacking = windowsBuildMissing();
  if (lacking) return { reason: `the cross compiler is missing: ${lacking}` };
  if (!existsSync(windowsBuild)) return { reason: 'not built here; npm run proof:windows builds it' };
  return buildWindows(false)
    ? { prefix: windowsPrefix }
    : { reason: 'the build for Windows failed', failed: true };
}

function cudaPrefix(name) {
  if (values.binaries) {
    const prefix = join(resolve(values.binaries), `cuda-${name}`);
    return existsSync(prefix) ? { prefix } : { reason: `${prefix} does not exist` };
  }
  if (name !== `${process.platform}-${process.arch}`) {
    return { reason: 'built by the release workflow on a machine of its kind' };
  }
  const prefix = join(root, 'cuda');
  return existsSync(join(prefix, 'lib', 'libfusor_cuda.so'))
    ? { prefix }
    : { reason: 'not built (needs nvcc)' };
}

/** No binary may ask for more than the oldest supported system has. Gives what is wrong. */
function checkSymbols(prefix, platform) {
  return platform.os === 'win32' ? checkDlls(prefix) : checkLibraries(prefix, platform);
}

function checkDlls(prefix) {
  const tool = ['x86_64-w64-mingw32-objdump', 'objdump'].find(hasCommand);
  if (!tool) return 'objdump is missing: cannot check what the libraries need';
  for (const file of readdirSync(join(prefix, 'lib'), { recursive: true })) {
    if (!/\.(dll|node)$/.test(file)) continue;
    const { status, stdout } = spawnSync(
      join(root, 'native/scripts/check-dll.sh'),
      [join(prefix, 'lib', file), ...(file.endsWith('.dll') ? [join(root, 'native/cmake/fusor.def')] : [])],
      { encoding: 'utf8', env: { ...process.env, OBJDUMP: tool } },
    );
    if (status !== 0) return `${file} is not as it should be:\n${stdout}`;
  }
  return undefined;
}

function checkLibraries(prefix, { os, cpu, libc }) {
  if (os !== 'linux') return undefined;
  const tools = cpu === process.arch ? '' : `${{ arm64: 'aarch64', x64: 'x86_64' }[cpu]}-linux-gnu-`;
  if (!hasCommand(`${tools}objdump`)) return `${tools}objdump is missing: cannot check symbols`;
  const libraries = readdirSync(join(prefix, 'lib'), { recursive: true }).filter((name) =>
    /\.(so|node)$/.test(name),
  );
  for (const file of libraries) {
    const { status, stdout } = spawnSync(
      join(root, 'native/scripts/check-symbols.sh'),
      [join(prefix, 'lib', file)],
      { encoding: 'utf8', env: { ...process.env, OBJDUMP: `${tools}objdump`, NM: `${tools}nm` } },
    );
    if (status !== 0) return `${file} asks for too new a system:\n${stdout}`;
    if (stdout.includes('for musl') !== (libc === 'musl')) return `${file} is not for ${libc}:\n${stdout}`;
  }
  return undefined;
}

// What is promised to those who install it; see docs/installing.md for what takes the space.
const MOST_BYTES = 5e6;
// Of one platform, with the kernels for every card.
const MOST_BYTES_OF_CUDA = 30e6;

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
function limit(what, bytes, most) {
  if (bytes < most) return;
  console.error(`${what}: ${megabytes(bytes)}, and less than ${megabytes(most)} is promised`);
  process.exitCode = 1;
}

const rows = [];
function packed(stage, folder) {
  const row = pack(stage, folder);
  const where = folder === out ? '' : 'other/';
  rows.push(row);
  const kb = (bytes) => `${Math.ceil(bytes / 1024)} KB`;
  console.log(
    `${row.name}: ${where}${row.filename}, ${kb(row.size)} packed, ${kb(row.unpackedSize)} installed`,
  );
}

const { version } = readManifest('native');
for (const folder of [
  'packages/errors',
  'packages/weights',
  'packages/layers',
  'packages/resnet',
  'packages/bench',
]) {
  packed(stagePackage(folder), out);
}
/** The platforms that a release has binaries for; all of them elsewhere. */
function offered(family, platforms) {
  if (!values.binaries) return platforms;
  return platforms.filter(({ name }) => existsSync(join(resolve(values.binaries), `${family}-${name}`)));
}
const native = stagePackage('native', {
  optionalDependencies: optionalDependencies('native', offered('native', nativePlatforms), version),
});
packSources(native);
packed(native, out);

const missing = [];
function notPacked(manifest, reason) {
  missing.push(`${manifest.name}: ${reason}`);
  const folder = join(other, 'manifests');
  mkdirSync(folder, { recursive: true });
  const file = `${manifest.name.replace('@', '').replace('/', '-')}.json`;
  writeFileSync(join(folder, file), `${JSON.stringify(manifest, null, 2)}\n`);
}
for (const platform of nativePlatforms) {
  const { prefix, ...problem } = nativePrefix(platform.name);
  const manifest = nativeManifest(platform, version);
  const reason = problem.reason ?? checkSymbols(prefix, platform);
  if (reason) {
    notPacked(manifest, reason);
    if (!problem.reason || problem.failed) process.exitCode = 1;
    continue;
  }
  const stage = stageBinaries(manifest, prefix, 'native/include');
  // On other systems the C++ library is the system's own.
  if (platform.os === 'win32') {
    cpSync(join(root, 'scripts/pack/windows-licenses.txt'), join(stage, 'lib', 'LICENSES.txt'));
  }
  packed(stage, platform.name === hostName() ? out : other);
}

const cudaPackage = existsSync(join(root, 'cuda', 'package.json')) && !readManifest('cuda').private;
for (const platform of cudaPlatforms) {
  const { prefix, ...problem } = cudaPrefix(platform.name);
  const manifest = cudaManifest(platform, version);
  const reason = problem.reason ?? checkSymbols(prefix, platform);
  if (reason) {
    notPacked(manifest, reason);
    if (!problem.reason) process.exitCode = 1;
    continue;
  }
  const here = platform.name === `${process.platform}-${process.arch}`;
  packed(stageBinaries(manifest, prefix), here ? out : other);
  limit(`${manifest.name} packed`, rows.at(-1).size, MOST_BYTES_OF_CUDA);
  if (here && cudaPackage) {
    packed(
      stagePackage('cuda', {
        optionalDependencies: optionalDependencies('cuda', offered('cuda', cudaPlatforms), version),
      }),
      out,
    );
  }
}

const cpu = rows.filter(({ name }) => !/^@fusor\/(native-|cuda)/.test(name) || name.endsWith(hostName()));
const total = cpu.reduce((sum, { unpackedSize }) => sum + unpackedSize, 0);
console.log(`\nthe CPU packages together: ${megabytes(total)} installed`);
limit('the CPU packages together', total, MOST_BYTES);
if (missing.length > 0) console.log(`not packed here:\n  ${missing.join('\n  ')}`);
