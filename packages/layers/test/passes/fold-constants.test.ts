import { Graph, trace } from '@fusor/layers';
import { Tensor } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { numbers } from '../support/compare.ts';
import { net, passNamed } from '../support/networks.ts';

const pass = passNamed('fold constants');

/**
 * A graph with an input made a constant. Tracing a module gives no such graph, for operations on real tensors are
 * carried out while it is traced; graphs from elsewhere may have them.
 */
function withConstant(model: ReturnType<typeof net>, inputs: number[][], name: string, value: Tensor): Graph {
  const json = trace(model, inputs).toJSON();
  const constants = json.inputs.filter((input) => input.name === name);
  const rest = json.inputs.filter((input) => input.name !== name);
  return Graph.fromJSON({ ...json, inputs: rest, constants }, new Map([[name, value]]));
}

describe('fold constants', () => {
  const weight = Tensor.from([
    [1, 2, 3],
    [4, 5, 6],
  ]);

  it('computes what depends on constants alone', async () => {
    const model = net({}, (_, x, w) => x!.matmul(w!.transpose(0, 1).square()));
    const graph = withConstant(
      model,
      [
        [1, 3],
        [2, 3],
      ],
      'x1',
      weight,
    );
    expect(graph.toString()).toBe(`graph(x0: f32 [1, 3]) {
  %2 = permute(x1) order=[1, 0]: f32 [3, 2]  # permute
  %3 = unary(%2) function=square: f32 [3, 2]  # square
  %4 = matmul(x0, %3): f32 [1, 2]  # matmul
  return %4
}`);
    expect(await pass.run(graph)).toBe(2);
    expect(graph.toString()).toBe(`graph(x0: f32 [1, 3]) {
  %4 = matmul(x0, square): f32 [1, 2]  # matmul
  return %4
}`);
    expect(await numbers(graph.constants()[0]!.constant!)).toEqual([1, 16, 4, 25, 9, 36]);
  });

  it('folds results, and operations with several', async () => {
    const model = net({}, (_, x, w) => [x!, w!.topk(2).indices, w!.neg()]);
    const graph = withConstant(model, [[1], [2, 3]], 'x1', weight);
    expect(await pass.run(graph)).toBe(2);
    expect(graph.nodes).toEqual([]);
    expect(await numbers(graph.outputs[1]!.constant!)).toEqual([2, 1, 2, 1]);
    expect(await numbers(graph.outputs[2]!.constant!)).toEqual([-1, -2, -3, -4, -5, -6]);
  });

  it('leaves a constant that would take far more memory than what it is made of', async () => {
    const model = net({}, (_, x, one) => x!.add(one!.expand([2048, 1024])));
    const graph = withConstant(model, [[1], [1]], 'x1', Tensor.ones([1]));
    expect(await pass.run(graph)).toBe(0);
    expect(graph.nodes.length).toBe(2);
  });

  it('leaves a constant whose elements are not known', async () => {
    const model = net({}, (_, x, w) => x!.add(w!.square()));
    const json = withConstant(model, [[1], [1]], 'x1', Tensor.ones([1])).toJSON();
    expect(await pass.run(Graph.fromJSON(json))).toBe(0);
  });
});
