import { type Graph, type Node, runPasses, skipInit, trace } from '@fusor/layers';
import { ops, type Tensor } from '@fusor/native';
import { findModel } from '@fusor/resnet';
import type { KernelUse } from '../results/kernels.ts';
import type { KernelCase } from './case.ts';
import { type ConvolutionShape, formatConvolution, outputSize } from './convolution-shape.ts';

/** A convolution as networks have it, with bias (batch-norm is folded into it). */
export function convolutionCase(shape: ConvolutionShape, networks: readonly KernelUse[] = []): KernelCase {
  const { c, k, h, w, r, s, stride, padding, dilation, groups, relu } = shape;
  const [p, q] = outputSize(shape);
  const convolve = ([x, residual]: readonly Tensor[], [weight, bias]: readonly Tensor[]) =>
    ops.conv2d(x!, weight!, {
      bias: bias!,
      stride,
      padding,
      dilation,
      groups,
      residual: residual ?? null,
      activation: relu ? 'relu' : null,
    });
  const own = {
    op: 'conv2d',
    shape: formatConvolution(shape),
    networks,
    batched: true,
    inputs: (batch: number) => [[batch, c, h, w], ...(shape.residual ? [[batch, k, p, q]] : [])],
    constants: [{ shape: [k, c / groups, r, s] }, { shape: [k] }],
    forward: convolve,
    convolution: shape,
  };
  if (!shape.residual) return own;
  return {
    ...own,
    constants: [...own.constants, { shape: [k, 1, 1, 1], range: [1, 1] }],
    // onnxruntime adds the residual within the convolution where it is blocked by channels already, as it is in a network:
    // a 1×1 convolution per channel brings it there, outside the clock.
    rivalForward: ([x, residual], [weight, bias, blocking]) =>
      convolve([x!, ops.conv2d(residual!, blocking!, { groups: k })], [weight!, bias!]),
  };
}

/** The distinct convolutions of networks, as `compile` fuses them, in the order in which they are met. */
export async function networkConvolutions(networks: readonly string[]): Promise<KernelCase[]> {
  const found = new Map<string, { readonly shape: ConvolutionShape; readonly uses: Map<string, number> }>();
  for (const name of networks) {
    const entry = findModel(name);
    const model = skipInit(() => entry.create()).eval();
    try {
      const graph: Graph = trace(model, [1, ...entry.inputShape]);
      await runPasses(graph);
      for (const node of graph.nodes) {
        const shape = shapeOf(node);
        if (shape === undefined) continue;
        const text = formatConvolution(shape);
        const known = found.get(text) ?? { shape, uses: new Map<string, number>() };
        known.uses.set(entry.name, (known.uses.get(entry.name) ?? 0) + 1);
        found.set(text, known);
      }
    } finally {
      model.dispose();
    }
  }
  return [...found.values()].map(({ shape, uses }) =>
    convolutionCase(
      shape,
      [...uses].map(([network, count]) => ({ network, count })),
    ),
  );
}

/** The shape of a convolution that all engines here can write: square strides, paddings and dilations. */
function shapeOf(node: Node): ConvolutionShape | undefined {
  if (node.op !== 'conv2d') return undefined;
  const [, c, h, w] = node.inputs[0]!.shape as [number, number, number, number];
  const [k, , r, s] = node.inputs[1]!.shape as [number, number, number, number];
  const numbers = (name: string) => node.attributes[name] as readonly number[];
  const [stride, padding, dilation] = [numbers('stride'), numbers('padding'), numbers('dilation')];
  const uniform = [stride, padding, dilation].every((values) => values.every((value) => value === values[0]));
  if (!uniform) return undefined;
  return {
    c,
    k,
    h,
    w,
    r,
    s,
    stride: stride[0]!,
    padding: padding[0]!,
    dilation: dilation[0]!,
    groups: Number(node.attributes.groups),
    residual: (node.inputs[3] ?? null) !== null,
    relu: node.attributes.activation === 'relu',
  };
}
