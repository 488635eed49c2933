// Whole networks: eager = compiled = onnxruntime, with random weights and batch-norms that have something to say.
//
// Every network runs with batches of 1, 3 and 8 and with 1 and 2 threads. Within a batch the first image stands at the
// end again, so that equal bits for it show that its place does not matter.

import { generator, randomizeNorms, uniform } from '@fusor/bench';
import { writeOnnx } from '@fusor/bench/onnx';
import { compile, type Module, trace } from '@fusor/layers';
import { getThreads, manualSeed, scope, setThreads, Tensor } from '@fusor/native';
import { resnet18, resnet26, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d } from '@fusor/resnet';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const networks = { resnet18, resnet26, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d };
const batches = [1, 3, 8];
const threadCounts = [1, 2];

/** The bound on logits. */
const tolerance = 1e-4;

/** Random images, the last one like the first. */
function imagesFor(batch: number): Float32Array<ArrayBuffer> {
  const imageSize = 3 * 224 * 224;
  const data = uniform(generator(batch), batch * imageSize, -2, 2);
  data.copyWithin((batch - 1) * imageSize, 0, imageSize);
  return data;
}

async function runOnnxRuntime(
  file: Uint8Array,
  data: Float32Array,
  shape: readonly number[],
): Promise<Float32Array> {
  const session = await InferenceSession.create(file, { intraOpNumThreads: 2, interOpNumThreads: 1 });
  try {
    const { output } = await session.run({ input: new OrtTensor('float32', data, shape) });
    return output!.data as Float32Array;
  } finally {
    await session.release();
  }
}

function expectClose(actual: Float32Array, expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(
    1,
    expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0),
  );
  // Math.max passes NaN on, and NaN is not within anything.
  const worst = actual.reduce((max, value, index) => Math.max(max, Math.abs(value - expected[index]!)), 0);
  expect(worst / scale).toBeLessThanOrEqual(tolerance);
}

/** Bits, so that a failure is about bits and does not print a thousand numbers. */
function bits(logits: Float32Array): Buffer {
  return Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength);
}

describe.each(Object.entries(networks))('%s at 224×224', (_, create) => {
  let model: Module;
  const threadsBefore = getThreads();

  beforeAll(() => {
    manualSeed(7);
    model = create().eval();
    randomizeNorms(model, 11);
  });
  afterEach(() => setThreads(threadsBefore));
  afterAll(() => model.dispose());

  it.each(batches)(
    'batch %i: eager = compiled = onnxruntime, the same bits with 1 and 2 threads',
    async (batch) => {
      const shape = [batch, 3, 224, 224];
      const data = imagesFor(batch);
      const expected = await runOnnxRuntime(await writeOnnx(trace(model, shape)), data, shape);
      // A network whose activations die or explode would agree with anything.
      const greatest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      expect(greatest).toBeGreaterThan(0.1);
      expect(greatest).toBeLessThan(1000);

      const results: { eager: Float32Array; compiled: Float32Array }[] = [];
      for (const threads of threadCounts) {
        setThreads(threads);
        const eager = await scope(async () => model.forward(Tensor.from(data, shape)).data('f32'));
        using plan = await compile(model, { input: shape, threads, tune: 'table' });
        using output = await plan.run(data);
        results.push({ eager, compiled: await output.data('f32') });
      }

      for (const { eager, compiled } of results) {
        expectClose(eager, expected);
        expectClose(compiled, expected);
        const classes = expected.length / batch;
        for (const logits of [eager, compiled]) {
          const last = logits.subarray((batch - 1) * classes);
          expect(bits(last).equals(bits(logits.subarray(0, classes)))).toBe(true);
        }
      }
      const [first, second] = results;
      expect(bits(first!.compiled).equals(bits(second!.compiled))).toBe(true);
      expect(bits(first!.eager).equals(bits(second!.eager))).toBe(true);
    },
    180_000,
  );
});

describe('deterministic: true', () => {
  it.each([
    ['resnet18', resnet18],
    ['resnet50', resnet50],
  ])(
    'gives an image of %s the same bits in batches of 1, 3 and 8',
    async (_, create) => {
      manualSeed(7);
      const model = create().eval();
      randomizeNorms(model, 11);
      const data = imagesFor(8);
      const rows: Buffer[] = [];
      for (const batch of batches) {
        const shape = [batch, 3, 224, 224];
        using plan = await compile(model, { input: shape, deterministic: true });
        using output = await plan.run(data.subarray(0, batch * 3 * 224 * 224));
        const logits = await output.data('f32');
        rows.push(bits(logits.subarray(0, logits.length / batch)));
      }
      for (const row of rows) expect(row.equals(rows[0]!)).toBe(true);
      model.dispose();
    },
    120_000,
  );
});
