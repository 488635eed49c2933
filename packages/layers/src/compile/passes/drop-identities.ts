import type { Node, Value } from '../../graph/graph.ts';
import { type Pass, sameShape } from './pass.ts';

/**
 * Takes out operations that change nothing: reshapes, slices and expansions to the shape that was there, permutations
 * in order, padding by nothing, conversions to the same dtype, joining one tensor. (Dropout and Identity leave no node
 * behind in the first place.) A reshape of a reshape becomes one.
 */
export const dropIdentities: Pass = {
  name: 'drop identities',
  run: (graph) => {
    const replacements = new Map<Value, Value>();
    const producers = graph.producers();
    let joined = 0;
    graph.nodes = graph.nodes.filter((node) => {
      const input = node.inputs[0];
      const output = node.outputs[0]!;
      if (input && isIdentity(node, input, output)) {
        replacements.set(output, replacements.get(input) ?? input);
        return false;
      }
      if (input && node.op === 'reshape') {
        const before = producers.get(replacements.get(input) ?? input);
        if (before?.op === 'reshape') {
          // The first one stays for others that use it; without any it is dead.
          node.inputs = [before.inputs[0]!];
          joined += 1;
        }
      }
      return true;
    });
    graph.replaceUses(replacements);
    return replacements.size + joined;
  },
};

function isIdentity({ op, attributes, inputs }: Node, input: Value, output: Value): boolean {
  if (!sameShape(input, output)) return false;
  switch (op) {
    case 'reshape':
    case 'expand':
    case 'slice':
      // A slice of the full size along every dimension begins at 0 and steps by 1.
      return true;
    case 'convert':
      return input.dtype === output.dtype;
    case 'permute':
      return (attributes.order as readonly number[]).every((from, to) => from === to);
    case 'pad':
      return [attributes.before, attributes.after].every((amounts) =>
        (amounts as readonly number[]).every((amount) => amount === 0),
      );
    case 'concat':
      return inputs.length === 1;
    default:
      return false;
  }
}
