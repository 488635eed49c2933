// The engine's C++ tests under sanitizers, and libFuzzer's programs, by Clang in build/sanitizers/:
//   address   AddressSanitizer, UndefinedBehaviorSanitizer, LeakSanitizer; test/fuzz with coverage counters
//   pointers  the same, with UndefinedBehaviorSanitizer's checks of every pointer in kernels
//   thread    ThreadSanitizer
//   cuda      AddressSanitizer and UndefinedBehaviorSanitizer on the CUDA backend's emulator, by GCC: Clang 14 has no
//             std::source_location
// In address/ the addon is built, too, for its tests in Node.js with the sanitizers preloaded.
//
// `npm run test:sanitizers` is the short form: kernels for AVX2 alone, the tests that say most for their time, seconds of
// fuzzing. `npm run proof:sanitizers` and `npm run proof:fuzz` are everything.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { hasCommand } from './cross-build.mjs';
import { notRun, runCtest, sum } from './ctest.mjs';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'build', 'sanitizers');
const reports = join(root, 'build', 'reports');
const fuzzers = [
  { name: 'fuzz_graphs', inputs: 4000 },
  { name: 'fuzz_ops', inputs: 2500 },
  { name: 'fuzz_tuning_cache', inputs: 40_000 },
];
const fuzzerTargets = fuzzers.map(({ name }) => name);

// Threads, streams, plans, environments, and what becomes of them without memory: what races and what leaks. What ops read
// and write, the fuzzers go through.
const concurrent = ['engine_stream', 'plan', 'plan_runs', 'streamed', 'threads'];
const quick = [...concurrent, 'fault_injection', 'copy', 'load_backend', 'tuning_cache', 'view'];
const allTests = readdirSync(join(root, 'native/test/cpp'))
  .filter((name) => name.endsWith('_test.cpp'))
  .map((name) => name.replace(/_test\.cpp$/, ''));

// What calls the addon in every way, and its hostile callers; processes that end in the middle of work.
const addonTests = [
  ['test/src/soak/soak.test.ts', '-t', 'a process ends'],
  // Networks on the only instruction set that is built.
  ['test/src/fuzz', '-t', 'functions of fusor.node|ops called|on avx2'],
  // Without what looks at the normal build and at its other instruction sets, and at memory that is given back:
  // AddressSanitizer keeps it for a while. (Vitest's own --exclude does not reach into projects.)
  readdirSync(join(root, 'native/test'), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => !/^(process|memory|instruction-sets)\./.test(name))
    .map((name) => `native/test/${name}`),
];

const environment = {
  ...process.env,
  FUSOR_CACHE_DIR: '',
  ASAN_OPTIONS: 'detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
};

function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', env: environment, ...options }).status === 0;
}

/** Why the sanitizers cannot run here, if so. */
export function sanitizersMissing() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'they run on Linux x64 only';
  if (!hasCommand('clang++')) return 'Clang is missing (Debian: apt-get install clang libclang-rt-14-dev)';
  const { status } = spawnSync(
    'clang++',
    ['-fsanitize=fuzzer,address', '-x', 'c++', '-', '-o', '/dev/null'],
    {
      input:
        '#include <cstddef>\n#include <cstdint>\nextern "C" int LLVMFuzzerTestOneInput(const uint8_t*, size_t) { return 0; }',
    },
  );
  if (status !== 0) return "Clang's runtime is missing (Debian: apt-get install libclang-rt-14-dev)";
  return undefined;
}

function build(name, source, options, targets, compilers = ['clang', 'clang++']) {
  const into = join(folder, name);
  const configured = run('cmake', [
    '-S',
    source,
    '-B',
    into,
    ...(hasCommand('ninja') ? ['-G', 'Ninja'] : []),
    '-DCMAKE_BUILD_TYPE=Release',
    `-DCMAKE_C_COMPILER=${compilers[0]}`,
    `-DCMAKE_CXX_COMPILER=${compilers[1]}`,
    '-DFUSOR_TESTS=ON',
    ...options,
  ]);
  const parallel = ['--parallel', String(availableParallelism())];
  return configured && run('cmake', ['--build', into, '--target', ...targets, ...parallel])
    ? into
    : undefined;
}

function test(into, names, env = environment) {
  if (into === undefined) return notRun('sanitizers', names.length);
  const where = `${into.split('/').at(-1)} sanitizer`;
  return runCtest(into, {
    where,
    report: join(reports, `ctest-${where.replace(' ', '-')}.xml`),
    names,
    args: ['--parallel', String(availableParallelism())],
    env,
  });
}

const everySet = '';
const nativeOptions = (name, sanitizers, sets = 'avx2') => [
  `-DFUSOR_SANITIZE=${sanitizers}`,
  '-DFUSOR_BINDING=OFF',
  `-DFUSOR_OUTPUT_DIRECTORY=${join(folder, name, 'lib')}`,
  `-DFUSOR_INSTRUCTION_SETS=${sets}`,
  `-DFUSOR_SANITIZE_KERNEL_POINTERS=${name === 'pointers' ? 'ON' : 'OFF'}`,
];
const shortOptions = () => [...nativeOptions('address', 'address,undefined'), '-DFUSOR_FUZZ=ON'];
const programs = (tests) => tests.map((name) => `${name}_test`);

function address() {
  const tests = programs(quick);
  const into = build('address', 'native', shortOptions(), [...tests, ...fuzzerTargets]);
  return sum([test(into, tests), fuzz(into)]);
}

// A build folder each: they differ in every file.
function everyTest(name, sets) {
  const tests = programs(allTests);
  return test(build(name, 'native', nativeOptions(name, 'address,undefined', sets), tests), tests);
}

function thread(long) {
  const name = long ? 'thread-all' : 'thread';
  // Fault injection brings an operator new of its own, which Clang's ThreadSanitizer does not allow.
  const tests = programs(long ? allTests.filter((name) => name !== 'fault_injection') : concurrent);
  const options = nativeOptions(name, 'thread', long ? everySet : 'avx2');
  return test(build(name, 'native', options, tests), tests);
}

/**
 * Each fuzzer goes through the kept inputs, then tries new ones: for `seconds`, going on from what it found before, or,
 * without them, as many as take a second or two, the same in every run. What it finds is left in build/sanitizers.
 */
function fuzz(into, seconds) {
  const results = fuzzers.map(({ name, inputs }) => {
    if (into === undefined) return notRun('fuzz', 1);
    const seeds = join(root, 'native/test/fuzz/corpus', name.replace('fuzz_', ''));
    const found = join(folder, 'found', seconds === undefined ? `${name}-short` : name);
    if (seconds === undefined) rmSync(found, { recursive: true, force: true });
    mkdirSync(found, { recursive: true });
    const much = seconds === undefined ? ['-seed=1', `-runs=${inputs}`] : [`-max_total_time=${seconds}`];
    // An input takes milliseconds. One that takes two minutes, on a machine that is busy with other things, hangs.
    const limits = ['-max_len=512', '-timeout=120', '-rss_limit_mb=4096'];
    const passed = run(join(into, 'test/fuzz', name), [
      ...limits,
      ...much,
      `-artifact_prefix=${found}/`,
      '-print_final_stats=1',
      '-verbosity=0',
      '-print_funcs=0',
      found,
      seeds,
    ]);
    console.log(`${name}: ${passed ? 'nothing found' : `failed; inputs in ${found}`}`);
    return counted(passed, `fuzz: ${name}`);
  });
  return sum(results);
}

const counted = (passed, name) => ({
  passed: passed ? 1 : 0,
  failed: passed ? 0 : 1,
  skipped: 0,
  failures: passed ? [] : [name],
});

function cuda() {
  const tests = readdirSync(join(root, 'cuda/test'))
    .filter((name) => name.endsWith('_test.cpp'))
    // Plants faults that the emulator is to find; in this build AddressSanitizer finds them first.
    .filter((name) => name !== 'faults_test.cpp')
    .map((name) => `cuda_${name.replace(/\.cpp$/, '')}`);
  const options = ['-DFUSOR_SANITIZE=address,undefined', '-DFUSOR_CUDA_NVCC=OFF'];
  // Its records of device memory lie where LeakSanitizer does not look. What is kept of variables after their return is
  // told apart by the stack pointer, which fibers change.
  const ASAN_OPTIONS = 'detect_leaks=0:detect_stack_use_after_return=0:strict_string_checks=1';
  return test(build('cuda', 'cuda', options, tests, ['gcc', 'g++']), tests, { ...environment, ASAN_OPTIONS });
}

/** The addon's own tests in Node.js, whose every process preloads the sanitizer and writes what it finds to a file. */
export function proveAddon() {
  // In the short form's folder, so that the engine is compiled once.
  const options = [...shortOptions(), '-DFUSOR_BINDING=ON'];
  const into = build('address', 'native', options, ['fusor_node']);
  if (into === undefined) return notRun('the addon under sanitizers', addonTests.length);
  const found = join(folder, 'found', 'addon');
  rmSync(found, { recursive: true, force: true });
  mkdirSync(found, { recursive: true });
  const runtime = spawnSync('clang++', ['-print-file-name=libclang_rt.asan-x86_64.so'], { encoding: 'utf8' });
  const env = {
    ...environment,
    LD_PRELOAD: runtime.stdout.trim(),
    FUSOR_NATIVE_PATH: join(folder, 'address', 'lib', 'fusor.node'),
    // An error aborts its process, and so fails its test. A leak does not: most of those that are reported are V8's and Node's, which
    // give their memory back to the system as a whole. Node.js asks for more than there is and expects null. Names of
    // the functions would take longer than the tests: llvm-symbolizer gives those of a finding.
    ASAN_OPTIONS: `${environment.ASAN_OPTIONS}:log_path=${found}/log:abort_on_error=1:exitcode=0:allocator_may_return_null=1:symbolize=0:stack_trace_format="#%n %m+%o"`,
    LSAN_OPTIONS: 'report_objects=0:print_suppressions=0',
  };
  const results = addonTests.map((which) => {
    // A process that ends is searched for leaks first, which takes Node.js seconds, and a minute on a machine that is busy.
    const args = ['vitest', 'run', '--project', 'cpu', '--testTimeout', '900000', ...which];
    return counted(run('npx', args, { env }), `the addon under sanitizers: ${which[0]} ...`);
  });
  const findings = readdirSync(found).flatMap((name) => ours(readFileSync(join(found, name), 'utf8')));
  for (const finding of findings) console.log(finding);
  console.log(
    `${findings.length} findings of the sanitizers in ${readdirSync(found).length} reports of processes`,
  );
  return sum([...results, counted(findings.length === 0, `${findings.length} findings in Node.js`)]);
}

/** Of a report: errors, and leaks of memory that the addon or the engine asked for (standard library's frames aside). */
function ours(report) {
  return report.split(/\n\s*\n/).filter((part) => {
    if (/ERROR: AddressSanitizer|runtime error:/.test(part)) return true;
    if (!/^(Direct|Indirect) leak/m.test(part)) return false;
    const modules = [...part.matchAll(/^#\d+ (\S+)\+0x/gm)].map(([, module]) => module);
    const owner = modules.find((module) => !/libclang_rt|libstdc\+\+/.test(module));
    return owner !== undefined && /(^|\/)(fusor\.node|libfusor\.so)$/.test(owner);
  });
}

/** How many programs the short form counts. */
export const shortForm = quick.length + concurrent.length + fuzzers.length;

/** The short form, part of `npm test`. */
export function testSanitizers() {
  return sum([address(), thread(false)]);
}

/** The long forms: all, and each alone (`node scripts/proof.mjs sanitizers-PART`). */
export const proveAddress = () => everyTest('address-all', everySet);
// The sets are one source at several widths: what holds for the pointers of one holds for all.
export const provePointers = () => everyTest('pointers', 'avx2');
export const proveThread = () => thread(true);
export const proveCuda = () => cuda();
export function proveSanitizers() {
  return sum([proveAddress(), provePointers(), proveThread(), proveCuda(), proveAddon()]);
}
export function proveFuzzers() {
  const into = build('address', 'native', shortOptions(), fuzzerTargets);
  return fuzz(into, Number(environment.FUSOR_FUZZ_SECONDS ?? 300));
}
