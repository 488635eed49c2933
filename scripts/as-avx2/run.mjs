// node scripts/as-avx2/run.mjs COMMAND...: runs the command as on a machine that has AVX2 and no AVX-512, rivals included.
//
// Fusor and oneDNN have variables for it. onnxruntime asks CPUID and nothing else, so it gets a copy of its library in which
// each cpuid is a ud2, and a preloaded library (cpuid.c) that answers for it. Linux x64; needs a C compiler and objdump.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'build', 'as-avx2');
const command = process.argv.slice(2);
if (process.platform !== 'linux' || process.arch !== 'x64' || command.length === 0) {
  console.error('usage: node scripts/as-avx2/run.mjs COMMAND... (on Linux x64)');
  process.exit(2);
}

/** Where cpuid stands in a library, as offsets into its file (its code is mapped at them). */
function placesOfCpuid(library) {
  const listing = execFileSync('objdump', ['-d', '--no-show-raw-insn', '-M', 'intel', library], {
    encoding: 'utf8',
    maxBuffer: 4 * 2 ** 30,
  });
  return [...listing.matchAll(/^\s*([0-9a-f]+):\tcpuid/gm)].map(([, address]) =>
    Number.parseInt(address, 16),
  );
}

function withoutCpuid(library, copy) {
  if (existsSync(copy) && statSync(copy).mtimeMs > statSync(library).mtimeMs) return;
  const bytes = readFileSync(library);
  const places = placesOfCpuid(library);
  // Else it would be measured with AVX-512.
  if (places.length === 0) throw new Error(`no cpuid in ${library}`);
  for (const place of places) {
    if (bytes.readUInt16BE(place) !== 0x0fa2) throw new Error(`no cpuid at ${place} of ${library}`);
    bytes.writeUInt16BE(0x0f0b, place);
  }
  writeFileSync(copy, bytes);
}

mkdirSync(folder, { recursive: true });
const rival = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
const name = 'libonnxruntime.so.1';
withoutCpuid(join(rival, 'bin/napi-v6/linux/x64', name), join(folder, name));
const preloaded = join(folder, 'cpuid.so');
const flags = ['-O2', '-Wall', '-Wextra', '-shared', '-fPIC'];
execFileSync('cc', [...flags, '-o', preloaded, join(import.meta.dirname, 'cpuid.c')]);
const { status } = spawnSync(command[0], command.slice(1), {
  stdio: 'inherit',
  env: {
    ...process.env,
    FUSOR_ISA: 'avx2',
    ONEDNN_MAX_CPU_ISA: 'AVX2',
    LD_PRELOAD: preloaded,
    LD_LIBRARY_PATH: folder,
  },
});
process.exit(status ?? 1);
