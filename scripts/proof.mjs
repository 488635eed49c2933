// `npm run proof:NAME`: the long form of a proof of docs/reliability.md. The variables that make it long can be set to other
// values from outside.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { printTotals } from './ctest.mjs';
import { muslMissing, proveMusl } from './musl.mjs';
import {
  proveAddon,
  proveAddress,
  proveCuda,
  proveFuzzers,
  provePointers,
  proveSanitizers,
  proveThread,
  sanitizersMissing,
  testSanitizers,
} from './sanitizers.mjs';
import { proveWindows, windowsRunMissing } from './windows.mjs';

const root = join(import.meta.dirname, '..');

function run(command, args, defaults = {}) {
  const env = { ...defaults, ...process.env };
  const settings = Object.keys(defaults).map((name) => `${name}=${env[name]}`);
  console.log(`\n$ ${[...settings, command, ...args].join(' ')}`);
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status === 0;
}
const vitest = (paths, defaults) => run('npx', ['vitest', 'run', ...paths], defaults);

/** What prints its counts, where nothing that it needs is missing. */
async function counted(what, missing, prove) {
  if (missing) {
    console.error(`${what} cannot run here: ${missing}`);
    return false;
  }
  const totals = await prove();
  printTotals(totals);
  return totals.failed === 0;
}

const sanitized = (prove) => counted('the sanitizers', sanitizersMissing(), prove);

/** All of them, also after one that fails. */
async function each(...steps) {
  let good = true;
  for (const step of steps) good = (await step()) && good;
  return good;
}
const seeds = Array.from({ length: 20 }, (_, i) => i + 1).join(',');
const packages = join(root, 'build', 'proof-packages');

const proofs = {
  faults: () =>
    each(
      () =>
        run('cmake', [
          '-S',
          'native',
          '-B',
          'native/build',
          '-DFUSOR_TESTS=ON',
          '-DCMAKE_BUILD_TYPE=Release',
        ]),
      () =>
        run('cmake', [
          '--build',
          'native/build',
          '--target',
          'fault_injection_test',
          'tuning_cache_test',
          'tuning_cache_limits_posix_test',
          '--parallel',
        ]),
      () => run('ctest', ['--test-dir', 'native/build', '-R', 'fault_injection|tuning_cache', '--verbose']),
      () => vitest(['test/src/faults'], { FUSOR_REFUSE_FIRST: '250' }),
    ),
  fuzz: () =>
    each(
      () => sanitized(proveFuzzers),
      () => vitest(['test/src/fuzz'], { FUSOR_FUZZ_SEEDS: seeds }),
      () =>
        vitest(['packages/weights/test/properties.test.ts', 'packages/weights/test/mutation.test.ts'], {
          FUSOR_FUZZ_RUNS: '10000',
          FUSOR_FUZZ_SEED: '2',
        }),
    ),
  sanitizers: () => sanitized(proveSanitizers),
  'sanitizers-short': () => sanitized(testSanitizers),
  'sanitizers-address': () => sanitized(proveAddress),
  'sanitizers-pointers': () => sanitized(provePointers),
  'sanitizers-thread': () => sanitized(proveThread),
  'sanitizers-cuda': () => sanitized(proveCuda),
  'sanitizers-addon': () => sanitized(proveAddon),
  soak: () => vitest(['test/src/soak', '-t', 'memory is flat'], { FUSOR_SOAK_SECONDS: '3600' }),
  exits: () => vitest(['test/src/soak', '-t', 'a process ends'], { FUSOR_SOAK_EXITS: '200' }),
  life: () => vitest(['test/src/life']),
  service: () => run('node', ['examples/image-server/dist/load/main.js', '--requests', '100000']),
  musl: async () =>
    (await counted('the proof on musl', muslMissing(), proveMusl)) &&
    each(
      () => run('node', ['scripts/pack.mjs', '--out', packages, '--host', '--also', 'linux-x64-musl']),
      () => run('node', ['test/install/run.mjs', '--packages', packages, '--only', 'musl']),
    ),
  windows: () => counted('the proof on Windows', windowsRunMissing(), proveWindows),
  install: () =>
    each(
      () => run('node', ['scripts/pack.mjs', '--out', packages]),
      () => run('node', ['test/install/run.mjs', '--packages', packages]),
      () => run('node', ['test/install/measure.mjs', '--packages', packages]),
    ),
};

const name = process.argv[2];
if (!(name in proofs)) {
  console.error(`usage: npm run proof:NAME, where NAME is ${Object.keys(proofs).join(', ')}`);
  process.exit(2);
}
process.exit((await proofs[name]()) ? 0 : 1);
