import type { PortableNetwork } from '../portable.ts';
import type { ExplicitPadding, Tfjs, TfTensor } from './types.ts';

type Node = PortableNetwork['nodes'][number];

const toNhwc = [0, 2, 3, 1];
const toNchw = [0, 3, 1, 2];

/**
 * A portable network in the form that TensorFlow.js is fastest in: channels last (its WebAssembly kernels know nothing
 * else), filters and the image brought into that order beforehand, biases and ReLU in its fused operations.
 *
 * @returns what runs it, within `tf.tidy`, and the tensors that it needs
 */
export function prepareNetwork(
  tf: Tfjs,
  network: PortableNetwork,
  arrays: ReadonlyMap<number, TfTensor>,
): { readonly forward: () => TfTensor; readonly ready: Iterable<TfTensor> } {
  const ready = new Map<number, TfTensor>();
  const image = arrays.get(network.input)!;
  ready.set(network.input, image.shape.length === 4 ? tf.transpose(image, toNhwc) : image);
  for (const node of network.nodes) {
    for (const [place, id] of node.inputs.entries()) {
      const array = arrays.get(id);
      if (array === undefined || ready.has(id)) continue;
      ready.set(id, place === 1 ? weightOf(tf, node, array) : array);
    }
  }
  const steps = network.nodes.map((node) => {
    const step = operations[node.op];
    if (step === undefined) throw new Error(`TensorFlow.js is not taught ${node.op} here`);
    return (values: Map<number, TfTensor>) => {
      values.set(
        node.outputs[0]!,
        step(tf, node, (place) => values.get(node.inputs[place] ?? -1)),
      );
    };
  });
  return {
    forward: () => {
      const values = new Map(ready);
      for (const step of steps) step(values);
      return values.get(network.output)!;
    },
    ready: [...ready.values()],
  };
}

/** The weight of a product in the order that TensorFlow.js wants. */
function weightOf(tf: Tfjs, { op }: Node, weight: TfTensor): TfTensor {
  if (op === 'conv2d') return tf.transpose(weight, [2, 3, 1, 0]); // [k, c, r, s] to [r, s, c, k]
  // Its product with a transposed matrix is slow, and with a bias wrong: it adds the bias once for every 48 terms.
  if (op === 'linear') return tf.transpose(weight, [1, 0]);
  return weight;
}

type Operation = (tf: Tfjs, node: Node, input: (place: number) => TfTensor | undefined) => TfTensor;

function numbers(node: Node, name: string): number[] {
  return [...(node.attributes[name] as readonly number[])];
}

const pair = (node: Node, name: string) => numbers(node, name) as [number, number];

/** `[top, bottom, left, right]` */
function padding(node: Node): ExplicitPadding {
  const [top, bottom, left, right] = numbers(node, 'padding') as [number, number, number, number];
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
}

function activation({ attributes }: Node): 'none' | 'relu' {
  const { activation: name = 'none' } = attributes;
  if (name !== 'none' && name !== 'relu')
    throw new Error(`TensorFlow.js is not taught ${JSON.stringify(name)} here`);
  return name;
}

/** The epilogue of a product: with a residual the ReLU comes after the sum, else it is in the product. */
function withEpilogue(
  tf: Tfjs,
  node: Node,
  residual: TfTensor | undefined,
  product: (activation: 'linear' | 'relu') => TfTensor,
): TfTensor {
  const name = activation(node);
  if (residual === undefined) return product(name === 'relu' ? 'relu' : 'linear');
  const sum = tf.add(product('linear'), residual);
  return name === 'relu' ? tf.relu(sum) : sum;
}

function optional(bias: TfTensor | undefined): { bias?: TfTensor } {
  return bias === undefined ? {} : { bias };
}

/** The order of axes in channels-last: batch, channels, height, width to batch, height, width, channels. */
function channelsLast<T>(of: readonly T[]): T[] {
  return of.length === 4 ? toNhwc.map((axis) => of[axis]!) : [...of];
}

const operations: Readonly<Record<string, Operation>> = {
  conv2d: (tf, node, input) => {
    if (node.attributes.groups !== 1) throw new Error('TensorFlow.js has no grouped convolution');
    return withEpilogue(tf, node, input(3), (name) =>
      tf.fused.conv2d({
        x: input(0)!,
        filter: input(1)!,
        strides: pair(node, 'stride'),
        pad: padding(node),
        dataFormat: 'NHWC',
        dilations: pair(node, 'dilation'),
        ...optional(input(2)),
        activation: name,
      }),
    );
  },
  linear: (tf, node, input) =>
    withEpilogue(tf, node, input(3), (name) =>
      tf.fused.matMul({
        a: input(0)!,
        b: input(1)!,
        transposeB: false,
        ...optional(input(2)),
        activation: name,
      }),
    ),
  residualAdd: (tf, node, input) => {
    const sum = tf.add(input(0)!, input(1)!);
    return activation(node) === 'relu' ? tf.relu(sum) : sum;
  },
  maxPool2d: (tf, node, input) =>
    tf.maxPool(input(0)!, pair(node, 'kernel'), pair(node, 'stride'), padding(node)),
  adaptiveAvgPool2d: (tf, node, input) => {
    if (numbers(node, 'outputSize').some((size) => size !== 1)) {
      throw new Error('TensorFlow.js is not taught adaptive pooling to more than one pixel here');
    }
    return tf.mean(input(0)!, [1, 2], true);
  },
  reshape: (tf, node, input) => {
    const x = input(0)!;
    // Where both lengths are 1 the orders are the same.
    const ordered = x.shape.length === 4 && x.shape[1]! * x.shape[2]! > 1 ? tf.transpose(x, toNchw) : x;
    return tf.reshape(ordered, node.outputShape);
  },
  pad: (tf, node, input) => {
    const after = numbers(node, 'after');
    const pads = numbers(node, 'before').map((before, axis) => [before, after[axis]!] as const);
    return tf.pad(input(0)!, channelsLast(pads), node.attributes.value as number);
  },
  slice: (tf, node, input) =>
    tf.stridedSlice(
      input(0)!,
      channelsLast(numbers(node, 'start')),
      channelsLast(numbers(node, 'end')),
      channelsLast(numbers(node, 'step')),
    ),
};
