import type { Pass } from './pass.ts';

/** Takes out nodes of whose outputs none is used, from the end on, so that what only they used goes too. */
export const removeDead: Pass = {
  name: 'remove dead values',
  run: (graph) => {
    const live = new Set(graph.outputs);
    const kept = graph.nodes.toReversed().filter((node) => {
      if (!node.outputs.some((output) => live.has(output))) return false;
      for (const input of node.inputs) if (input !== null) live.add(input);
      return true;
    });
    const removed = graph.nodes.length - kept.length;
    graph.nodes = kept.reverse();
    return removed;
  },
};
