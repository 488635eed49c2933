import { DTypeError, UnsupportedError } from '@fusor/native';
import { beforeAll, describe, expect, it } from 'vitest';
import { type OnnxCase, provideCases, readCases } from './cases.ts';
import { difference } from './compare.ts';
import { NodeRefusal, runCase } from './runner.ts';
import { type Outcome, Tally } from './tally.ts';
import { Refusal } from './values.ts';

/**
 * At least so many recorded cases must pass per operator. The numbers are what passed when they were written: fewer
 * means that something broke, more that this table is behind.
 */
const mustPass: Readonly<Record<string, number>> = {
  Abs: 2,
  Add: 33,
  And: 8,
  ArgMax: 16,
  ArgMin: 16,
  AveragePool: 16,
  BatchNormalization: 9,
  Cast: 44,
  CastLike: 6,
  Ceil: 2,
  Celu: 1,
  Clip: 9,
  Compress: 4,
  Concat: 32,
  Constant: 66,
  ConstantOfShape: 22,
  Conv: 26,
  Cos: 8,
  Cosh: 2,
  DepthToSpace: 4,
  Div: 46,
  Dropout: 6,
  Elu: 5,
  Equal: 13,
  Erf: 1,
  Exp: 18,
  Expand: 6,
  Flatten: 30,
  Floor: 2,
  Gather: 15,
  GatherElements: 21,
  Gemm: 14,
  GlobalAveragePool: 2,
  GlobalMaxPool: 2,
  Greater: 4,
  GreaterOrEqual: 2,
  HardSigmoid: 4,
  HardSwish: 1,
  Hardmax: 7,
  Identity: 1,
  InstanceNormalization: 3,
  IsInf: 3,
  IsNaN: 1,
  LayerNormalization: 19,
  LeakyRelu: 5,
  Less: 4,
  LessOrEqual: 2,
  Log: 9,
  LogSoftmax: 10,
  MatMul: 4,
  Max: 9,
  MaxPool: 17,
  Mean: 3,
  MeanVarianceNormalization: 1,
  Min: 9,
  Mod: 7,
  Mul: 49,
  Neg: 34,
  Not: 3,
  OneHot: 4,
  Or: 12,
  PRelu: 8,
  Pad: 8,
  Pow: 14,
  Range: 8,
  Reciprocal: 21,
  ReduceL1: 8,
  ReduceL2: 8,
  ReduceLogSum: 5,
  ReduceLogSumExp: 8,
  ReduceMax: 22,
  ReduceMean: 32,
  ReduceMin: 8,
  ReduceProd: 8,
  ReduceSum: 37,
  ReduceSumSquare: 8,
  Relu: 3,
  Reshape: 31,
  Round: 1,
  Selu: 5,
  Shape: 29,
  Shrink: 3,
  Sigmoid: 7,
  Sign: 2,
  Sin: 2,
  Sinh: 2,
  Size: 21,
  Slice: 46,
  Softmax: 11,
  Softplus: 3,
  Softsign: 2,
  SpaceToDepth: 2,
  Split: 10,
  Sqrt: 23,
  Squeeze: 23,
  Sub: 52,
  Sum: 4,
  Tan: 2,
  Tanh: 5,
  ThresholdedRelu: 3,
  Tile: 4,
  TopK: 3,
  Transpose: 10,
  Trilu: 18,
  Unsqueeze: 28,
  Where: 9,
  Xor: 8,
};

async function judge(recorded: OnnxCase): Promise<Outcome> {
  const graph = recorded.model.graph;
  const inFewerBits = [...graph.inputs, ...graph.outputs].some((info) => info.dataType === 'double');
  try {
    const outputs = await runCase(recorded);
    for (const [index, output] of outputs.entries()) {
      const wrong = await difference(recorded.name, output, recorded.outputs[index]!);
      if (wrong !== undefined) return { kind: 'failed', message: `output ${index} ${wrong}` };
    }
    return { kind: 'passed', inFewerBits };
  } catch (error) {
    const operator = error instanceof NodeRefusal ? error.operator : graph.nodes[0]!.operator;
    if (error instanceof Refusal || error instanceof DTypeError || error instanceof UnsupportedError) {
      // Where it was called from is of no interest here.
      return { kind: 'refused', operator, reason: error.message.replace(/ \(called at [^)]*\)/, '') };
    }
    return { kind: 'failed', message: String(error) };
  }
}

const missing = provideCases();
if (missing !== undefined) console.log(`recorded ONNX cases are skipped: ${missing}`);

describe.skipIf(missing !== undefined)("ONNX's recorded cases, run through the eager ops", () => {
  const tally = new Tally();

  beforeAll(async () => {
    for (const recorded of readCases()) {
      const operators = new Set(recorded.model.graph.nodes.map((node) => node.operator));
      tally.add(recorded.name, operators, await judge(recorded));
    }
    console.log(tally.toString());
  }, 300_000);

  it('gives the recorded outputs in every case that is not refused', () => {
    expect(tally.failures).toEqual([]);
  });

  it.each(Object.entries(mustPass))('passes the cases with %s', (operator, count) => {
    expect(tally.passedWith(operator)).toBeGreaterThanOrEqual(count);
  });
});
