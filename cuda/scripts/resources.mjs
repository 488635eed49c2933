// What the compiler says about every kernel: registers, spills, stack and shared memory (ptxas), and how many tensor-core
// instructions there are (PTX). The build for GPUs writes it to cuda/build/resources.json. The committed table,
// cuda/resources.json, is the measure:
//
//   npm run cuda:resources               fails where a kernel spills more than in the table (or spills and is new), has fewer
//                                        tensor-core instructions, or is gone with them; says so and succeeds where nothing
//                                        was built for GPUs, or by another compiler
//   npm run cuda:resources -- --update   writes the table
import { copyFileSync } from 'node:fs';
import { relative } from 'node:path';
import { builtResources, checkResources, committedResources } from './resources/check.mjs';

const here = (file) => relative(process.cwd(), file);
if (process.argv.includes('--update')) {
  copyFileSync(builtResources, committedResources);
  console.log(`${here(committedResources)} is what was built now`);
} else {
  const { skipped, problems, notes, count } = checkResources();
  for (const note of notes) console.log(note);
  for (const problem of problems) console.log(`FAILED: ${problem}`);
  if (skipped !== undefined) console.log(`skipped: ${skipped}`);
  else if (problems.length === 0) console.log(`${count} kernels as in ${here(committedResources)}`);
  else console.log('If this is meant: npm run cuda:resources -- --update, and say why in the commit');
  process.exitCode = problems.length === 0 ? 0 : 1;
}
