// The first that a process does with Fusor, while memory is refused to the engine from the start: prints the code of the error, or the
// numbers. FUSOR_REFUSALS and LD_PRELOAD are set: see refuse.cpp.

import { Refusals } from './refusals.ts';

const refusals = new Refusals(process.env.FUSOR_REFUSALS!);
let outcome: string;
try {
  const { ops, Tensor } = await import('@fusor/native');
  outcome = (await ops.add(Tensor.ones([3]), 1).data('f32')).join(' ');
} catch (error) {
  outcome = String((error as { code?: unknown }).code ?? error);
}
const { asked, refused } = refusals.disarm();
console.log(JSON.stringify({ outcome, asked, refused }));
