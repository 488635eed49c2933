import { writeFile } from 'node:fs/promises';
import { type Graph, runPasses } from '@fusor/layers';
import type { Attributes } from '@fusor/native/trace';

/** A network and its input for a process that knows nothing of Fusor: JSON, and one file of little-endian f32. */
export interface PortableNetwork {
  readonly nodes: readonly {
    readonly op: string;
    readonly attributes: Attributes;
    /** Value ids in the op's order; -1 for an optional input that is absent. */
    readonly inputs: readonly number[];
    readonly outputs: readonly number[];
    /** Shape of the first output. */
    readonly outputShape: readonly number[];
  }[];
  /** Where each constant and the input lie in the data file, in floats. */
  readonly arrays: readonly {
    readonly id: number;
    readonly shape: readonly number[];
    readonly offset: number;
  }[];
  readonly input: number;
  readonly output: number;
  readonly data: string;
}

/**
 * Writes `path` and `path.bin`. Batch-norms are folded and biases, sums and activations are in the convolutions, by our
 * own passes: the best that an engine can be given.
 */
export async function writePortable(
  path: string,
  traced: Graph,
  image: { readonly data: Float32Array<ArrayBuffer>; readonly shape: readonly number[] },
): Promise<void> {
  using graph = traced.copy();
  await runPasses(graph);
  const { values, nodes, inputs, outputs } = graph.toNative();
  const chunks: Uint8Array[] = [];
  const arrays: PortableNetwork['arrays'][number][] = [];
  let offset = 0;
  const add = (id: number, shape: readonly number[], data: Float32Array) => {
    arrays.push({ id, shape, offset });
    chunks.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.length;
  };
  add(inputs[0]!, image.shape, image.data);
  for (const { id, shape, constant } of values) {
    if (constant !== undefined) add(id, shape, (await constant.data()) as Float32Array);
  }
  const shapes = new Map(values.map(({ id, shape }) => [id, shape]));
  const network: PortableNetwork = {
    nodes: nodes.map((node) => ({
      op: node.op,
      attributes: node.attributes,
      inputs: node.inputs,
      outputs: node.outputs,
      outputShape: shapes.get(node.outputs[0]!)!,
    })),
    arrays,
    input: inputs[0]!,
    output: outputs[0]!,
    data: `${path}.bin`,
  };
  await writeFile(network.data, Buffer.concat(chunks));
  await writeFile(path, JSON.stringify(network));
}
