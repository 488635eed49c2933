// node gpu/check.mjs [STAGE...] --out FOLDER [--device cuda] [--budget SECONDS]: see README.md. `gpu/check` calls it with the
// Node that was carried along.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Results } from './lib/results.mjs';

/** In the order of a whole check; each takes the words after its name, up to the next stage. */
const STAGES = {
  build: () => import('./stages/build.mjs'),
  primitives: () => import('./stages/primitives.mjs'),
  test: () => import('./stages/test.mjs'),
  sanitize: () => import('./stages/sanitize.mjs'),
  'bench:fusor': () => import('./stages/bench-fusor.mjs'),
  'bench:kernels': () => import('./stages/bench-kernels.mjs'),
  'bench:torch': () => import('./stages/bench-torch.mjs'),
};
const DEFAULT_BUDGET = 540; // nine minutes: what a call is commonly given

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    device: { type: 'string', default: 'cuda' },
    budget: { type: 'string', default: String(DEFAULT_BUDGET) },
  },
});
const budget = Number(values.budget);
const first = positionals[0];
if (!values.out || !(budget > 0) || (first !== undefined && !(first in STAGES))) {
  console.error(
    `usage: gpu/check [${Object.keys(STAGES).join(' | ')}]... --out FOLDER [--device cuda] [--budget SECONDS]`,
  );
  process.exit(2);
}
const asked = [];
for (const word of first === undefined ? Object.keys(STAGES) : positionals) {
  if (word in STAGES) asked.push({ stage: word, words: [] });
  else asked.at(-1).words.push(word);
}

const root = join(import.meta.dirname, '..');
const version = join(import.meta.dirname, 'version');
const results = new Results(resolve(values.out), {
  device: values.device,
  fusor: existsSync(version) ? readFileSync(version, 'utf8').trim() : 'checkout',
});
const deadline = Date.now() + budget * 1000;
for (const { stage, words } of asked) {
  const { run } = await STAGES[stage]();
  await run({
    root,
    words,
    device: values.device,
    deadline,
    folder: results.folder,
    isLate: () => Date.now() >= deadline,
    isDone: (name) => results.isDone(stage, name),
    add: (name, result) => results.add(stage, name, result),
  });
}
const failed = results.count('failed');
const late = Date.now() >= deadline;
console.log(
  `${results.count('passed')} passed, ${results.count('measured')} measured, ${failed} failed, ${results.count('skipped')} skipped` +
    `${late ? '; the budget is spent: the same call again goes on' : ''}`,
);
process.exit(failed > 0 ? 1 : late ? 3 : 0);
