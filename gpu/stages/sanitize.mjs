// compute-sanitizer over a reduced set: the primitives, and one case of each kind of kernel. On the emulator, which has checks of
// its own for all four, the same cases with threads in a random order.
import { has, runProgram } from '../lib/programs.mjs';
import { primitivesProgram } from './primitives.mjs';
import { runTests } from './test.mjs';

const TOOLS = ['memcheck', 'racecheck', 'synccheck', 'initcheck'];
/** A kernel of each family, in the dtype that has the most of them. */
const reduced = (more = '') =>
  `^(${more}gelu|add, broadcast|where|conv2d with everything|conv2d, depthwise|conv2d, grouped and dilated|layerNorm|groupNorm|maxPool2d|softmax|reductions|argmax and top-k|pad, concat and stack|gather and indexSelect), bf16`;
// initcheck takes what the copy engine stores (TMA, which the results of these are written by) for uninitialized.
const BY_TMA = 'conv2d 3x3 of many pixels|linear|';

export async function run(stage) {
  const { root, device, deadline, folder, isDone, isLate, add } = stage;
  if (device.startsWith('cuda-emulated')) {
    const env = { FUSOR_CUDA_EMULATED_SCHEDULE: 'random' };
    const prefixed = { ...stage, add: (name, result) => add(`random order: ${name}`, result) };
    await runTests(prefixed, 'sanitize', { only: reduced(BY_TMA), env });
    return;
  }
  if (!has('compute-sanitizer')) {
    add('compute-sanitizer', { status: 'skipped', detail: 'not found; it comes with the CUDA toolkit' });
    return;
  }
  for (const tool of TOOLS) {
    const launcher = [
      'compute-sanitizer',
      '--tool',
      tool,
      '--error-exitcode',
      '86',
      '--target-processes',
      'all',
    ];
    const verdict = ({ status, output }) =>
      status === 0 ? { status: 'passed' } : { status: 'failed', detail: output };
    const primitives = primitivesProgram(root, folder, device);
    if (primitives !== undefined && !isDone(`${tool}: primitives`) && !isLate()) {
      const [command, ...args] = [...launcher, primitives];
      const ended = await runProgram(command, args, { deadline });
      if (!ended.late) add(`${tool}: primitives`, verdict(ended));
    }
    if (isDone(`${tool}: operations`) || isLate()) continue;
    const prefixed = { ...stage, add: (name, result) => add(`${tool}: ${name}`, result) };
    const ended = await runTests(prefixed, 'sanitize', {
      only: reduced(tool === 'initcheck' ? '' : BY_TMA),
      launcher,
    });
    if (!ended.late && !isLate()) add(`${tool}: operations`, verdict(ended));
  }
}
