// `gpu/check bench:torch NET BATCH`: the same network in PyTorch, eager and by torch.compile. Compiling with max-autotune takes
// minutes, so one network and batch a call; without them those of bench:fusor, one after another, as far as the budget goes.
import { join } from 'node:path';
import { runProgram } from '../lib/programs.mjs';

const NETWORKS = ['resnet50', 'resnet18', 'resnet34'];
const BATCHES = [256, 32, 8, 1];

/** The first Python that has PyTorch is asked; without one the first that there is says why. */
function pythons() {
  return process.env.FUSOR_PYTHON ? [process.env.FUSOR_PYTHON] : ['python3', 'python', '/usr/bin/python3'];
}

async function ask(python, root, name, batch, deadline) {
  const answers = [];
  const ended = await runProgram(python, [join(root, 'gpu', 'torch', 'bench.py'), name, String(batch)], {
    deadline,
    line: (line) => {
      if (line.startsWith('{')) answers.push(JSON.parse(line));
    },
  });
  return { ...ended, answers };
}

export async function run({ root, words, deadline, isDone, isLate, add }) {
  const networks = words[0] ? [words[0]] : NETWORKS;
  const batches = words.length > 1 ? words.slice(1).map(Number) : BATCHES;
  for (const name of networks) {
    for (const batch of batches) {
      const title = (how) => `${name}, batch ${batch}, bf16, ${how}`;
      if (isDone(title('torch.compile, max-autotune'))) continue;
      if (isLate()) return;
      let told;
      for (const python of pythons()) {
        const asked = await ask(python, root, name, batch, deadline);
        if (asked.late) return;
        const loaded = asked.answers.some(({ skipped }) => !/cannot be loaded/.test(skipped ?? ''));
        if (told === undefined || loaded) told = asked;
        if (loaded) break;
      }
      const skipped = told.answers.find((answer) => answer.skipped !== undefined)?.skipped;
      if (skipped !== undefined || told.answers.length === 0) {
        add('PyTorch', { status: 'skipped', detail: skipped ?? told.output });
        return;
      }
      for (const { how, milliseconds, imagesPerSecond, torch, gpu, rounds } of told.answers) {
        add(title(how), {
          status: 'measured',
          values: {
            'ms per run': milliseconds.toFixed(4),
            'images/s': imagesPerSecond.toFixed(1),
            'fastest and slowest round, ms': `${Math.min(...rounds).toFixed(4)} to ${Math.max(...rounds).toFixed(4)}`,
            PyTorch: torch,
            GPU: gpu,
          },
        });
      }
      if (told.status !== 0) add(title('the rest'), { status: 'failed', detail: told.output });
    }
  }
}
