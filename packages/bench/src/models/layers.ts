import type { Layer } from '../results/types.ts';

/** Profiles of one plan, one after another, as the spread of each step. */
export function layersOf(
  profiles: readonly (readonly (Omit<Layer, 'seconds'> & { readonly seconds: number })[])[],
  spreadOf: (samples: readonly number[]) => Layer['seconds'],
): Layer[] {
  return profiles[0]!.map(({ name, op, algorithm, instructionSet, flops, bytes }, index) => ({
    name,
    op,
    algorithm,
    instructionSet,
    flops,
    bytes,
    seconds: spreadOf(profiles.map((steps) => steps[index]!.seconds)),
  }));
}
