import type { Plan } from '@fusor/layers';
import type { Tensor } from '@fusor/native';

const windows = 3;

/** Seconds of a plan's run, by the device's own clock: the least of several windows of `repeats` runs, as other work only adds. */
export async function leastProfiled(plan: Plan<unknown>, input: Tensor, repeats: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let window = 0; window < windows; ++window) {
    best = Math.min(best, (await plan.profile(input, { repeats })).seconds);
  }
  return best;
}
