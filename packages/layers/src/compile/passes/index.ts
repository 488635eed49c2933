import type { Graph } from '../../graph/graph.ts';
import { Pacer } from '../../pacer.ts';
import { dropIdentities } from './drop-identities.ts';
import { foldBatchNorm } from './fold-batch-norm.ts';
import { foldConstants } from './fold-constants.ts';
import { foldPadding } from './fold-padding.ts';
import { fuseActivation } from './fuse-activation.ts';
import { fuseAddLayerNorm } from './fuse-add-layer-norm.ts';
import { fuseBias } from './fuse-bias.ts';
import { fuseResidual } from './fuse-residual.ts';
import type { Pass } from './pass.ts';
import { removeDead } from './remove-dead.ts';

/**
 * The passes in order. Dead values go first, for they would count as uses; folding comes before fusing, so that the
 * epilogue is that of the folded layer; residuals before activations, as the epilogue computes them; and add +
 * layer-norm last, since a sum costs less in an epilogue.
 */
export const PASSES: readonly Pass[] = [
  removeDead,
  dropIdentities,
  foldConstants,
  removeDead,
  foldPadding,
  foldBatchNorm,
  fuseBias,
  fuseResidual,
  fuseActivation,
  fuseAddLayerNorm,
  removeDead,
];

/** How often each pass found its pattern, by its name. */
export type PassCounts = ReadonlyMap<string, number>;

/** Runs all passes on a graph, in place and in slices. */
export async function runPasses(graph: Graph, passes: readonly Pass[] = PASSES): Promise<PassCounts> {
  const pacer = new Pacer();
  const counts = new Map<string, number>();
  for (const pass of passes) {
    if (pacer.due) await pacer.turn();
    counts.set(pass.name, (counts.get(pass.name) ?? 0) + (await pass.run(graph)));
  }
  return counts;
}
