import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BatchNorm2d, Conv2d, Flatten, Linear, Module, ReLU, Sequential, skipInit } from '@fusor/layers';
import { ArgumentError, Tensor, WeightsError } from '@fusor/native';
import { readStateDict, type TensorRecord, writeSafetensors } from '@fusor/weights';
import { afterAll, describe, expect, it } from 'vitest';
import { numbers } from './support/compare.ts';

const folder = mkdtempSync(join(tmpdir(), 'fusor-layers-'));
afterAll(() => rmSync(folder, { recursive: true }));

const small = (): Sequential =>
  new Sequential(new Conv2d(3, 4, 3), new BatchNorm2d(4), new ReLU(), new Flatten(), new Linear(16, 3));

async function dataOf(module: Module): Promise<Record<string, number[]>> {
  const entries = [...module.stateDict()].map(
    async ([name, tensor]) => [name, await numbers(tensor)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

describe('loadStateDict', () => {
  it('copies values, so that the source may change or go, and the tensors stay the module’s own', async () => {
    const from = small();
    const to = small();
    const weight = (to.at(0) as Conv2d).weight;
    const expected = await dataOf(from);
    expect(await dataOf(to)).not.toEqual(expected);
    expect(to.loadStateDict(from.stateDict())).toEqual({ missing: [], unexpected: [] });
    from.dispose();
    expect(await dataOf(to)).toEqual(expected);
    expect((to.at(0) as Conv2d).weight).toBe(weight);
  });

  it('names everything that does not fit at once, and changes nothing', async () => {
    const model = new Sequential(new Linear(2, 3), new Linear(3, 1));
    const before = await dataOf(model);
    const dict = {
      '0.weight': Tensor.zeros([3, 2]),
      '0.bias': Tensor.zeros([4]),
      '1.weight': Tensor.zeros([3, 1]),
      head: Tensor.zeros([1]),
      '2.weight': Tensor.zeros([1]),
    };
    const load = () => model.loadStateDict(dict);
    expect(load).toThrow(WeightsError);
    expect(load).toThrow(
      'the state dict does not fit Sequential:\n' +
        '  missing (1): 1.bias\n' +
        '  unexpected (2): head, 2.weight\n' +
        '  wrong shape (2): 0.bias is [4], expected [3], 1.weight is [3, 1], expected [1, 3]',
    );
    expect(await dataOf(model)).toEqual(before);
  });

  it('not strict loads what fits and reports the rest, but a wrong shape stays an error', async () => {
    const model = new Linear(2, 1);
    const report = model.loadStateDict(
      { weight: Tensor.from([[7, 8]]), other: Tensor.zeros([1]) },
      { strict: false },
    );
    expect(report).toEqual({ missing: ['bias'], unexpected: ['other'] });
    expect(await numbers(model.weight)).toEqual([7, 8]);
    expect(() => model.loadStateDict({ weight: Tensor.zeros([2, 2]) }, { strict: false })).toThrow(
      'wrong shape (1)',
    );
  });

  it('num_batches_tracked may be absent and is loaded where it is there', async () => {
    const from = new BatchNorm2d(2);
    const dict = from.stateDict();
    dict.set('num_batches_tracked', Tensor.from(new BigInt64Array([41n]), []));
    const to = new BatchNorm2d(2);
    to.loadStateDict(dict);
    expect(await numbers(to.num_batches_tracked!)).toEqual([41]);
    dict.delete('num_batches_tracked');
    expect(new BatchNorm2d(2).loadStateDict(dict)).toEqual({ missing: [], unexpected: [] });
    dict.delete('running_var');
    expect(() => new BatchNorm2d(2).loadStateDict(dict)).toThrow('missing (1): running_var');
  });

  const halves = Uint16Array.of(0x3c00, 0xc000, 0x7c00, 0x3555); // 1, -2, infinity, 0.33325195
  const brains = Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0x3eab); // 1, -2, infinity, 0.333984375
  it.each<[string, TensorRecord, number[]]>([
    [
      'f32',
      { dtype: 'f32', shape: [4], data: Float32Array.of(1, -2, 0.5, 3e38) },
      [1, -2, 0.5, Math.fround(3e38)],
    ],
    [
      'f64',
      { dtype: 'f64', shape: [4], data: Float64Array.of(1, 1 / 3, 1e300, -1e-300) },
      [1, Math.fround(1 / 3), Infinity, -0],
    ],
    ['f16', { dtype: 'f16', shape: [4], data: halves }, [1, -2, Infinity, 0.333251953125]],
    ['bf16', { dtype: 'bf16', shape: [4], data: brains }, [1, -2, Infinity, 0.333984375]],
    [
      'i64',
      { dtype: 'i64', shape: [4], data: BigInt64Array.of(1n, -2n, 3n, 1n << 40n) },
      [1, -2, 3, 2 ** 40],
    ],
    ['i32', { dtype: 'i32', shape: [4], data: Int32Array.of(1, -2, 3, 4) }, [1, -2, 3, 4]],
    ['i16', { dtype: 'i16', shape: [4], data: Int16Array.of(1, -2, 3, -32768) }, [1, -2, 3, -32768]],
    ['i8', { dtype: 'i8', shape: [4], data: Int8Array.of(1, -2, 3, -128) }, [1, -2, 3, -128]],
    ['u8', { dtype: 'u8', shape: [4], data: Uint8Array.of(1, 2, 3, 255) }, [1, 2, 3, 255]],
    ['bool', { dtype: 'bool', shape: [4], data: Uint8Array.of(1, 0, 0, 1) }, [1, 0, 0, 1]],
  ])('converts %s to the f32 of a parameter', async (_, record, expected) => {
    class Weight extends Module {
      weight = Tensor.zeros([4]);
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const module = new Weight();
    module.loadStateDict({ weight: record });
    expect(module.weight.dtype).toBe('f32');
    expect(await numbers(module.weight)).toEqual(expected);
  });

  it('converts to an i64 buffer, and takes a scalar that is stored as [1]', async () => {
    const norm = new BatchNorm2d(1);
    const dict = norm.stateDict() as Map<string, Tensor | TensorRecord>;
    dict.set('num_batches_tracked', { dtype: 'i32', shape: [1], data: Int32Array.of(12) });
    norm.loadStateDict(dict);
    expect(await numbers(norm.num_batches_tracked!)).toEqual([12]);
    dict.set('num_batches_tracked', { dtype: 'f64', shape: [], data: Float64Array.of(13.7) });
    norm.loadStateDict(dict);
    expect(await numbers(norm.num_batches_tracked!)).toEqual([13]);
  });

  it.each([
    [null, ArgumentError, 'expected a Map or record'],
    [{ weight: 3, bias: 4 }, ArgumentError, '"weight" must be a Tensor or { dtype, shape, data }'],
    [
      { weight: { dtype: 'f32', shape: [1, 2], data: new Float32Array(3) }, bias: Tensor.zeros([1]) },
      ArgumentError,
      'data has 3 elements, shape [1, 2] needs 2',
    ],
    [
      { weight: { dtype: 'f32', shape: [1, 2], data: new Float64Array(2) }, bias: Tensor.zeros([1]) },
      ArgumentError,
      'must be a Float32Array, got Float64Array',
    ],
    [
      { weight: { dtype: 'f8_e4m3', shape: [1, 2], data: new Uint8Array(2) }, bias: Tensor.zeros([1]) },
      WeightsError,
      'f8_e4m3 cannot be converted',
    ],
  ])('refuses a hostile dict: %#', async (dict, kind, message) => {
    const model = new Linear(2, 1);
    const before = await dataOf(model);
    const load = () => model.loadStateDict(dict as never);
    expect(load).toThrow(kind);
    expect(load).toThrow(message);
    expect(await dataOf(model)).toEqual(before);
  });
});

describe('load and save', () => {
  const checkpoint = fileURLToPath(new URL('golden/small.pth', import.meta.url));

  it('loads a checkpoint of PyTorch: unwraps state_dict, strips module., and the numbers are its', async () => {
    const model = small();
    expect(await model.load(checkpoint)).toEqual({ missing: [], unexpected: [] });
    const file = await readStateDict(checkpoint);
    const state = await dataOf(model);
    expect([...file.keys()]).toEqual(Object.keys(state));
    for (const [name, { data }] of file) expect(state[name]).toEqual(Array.from(data, Number));
  });

  it('what is saved is loaded again, tied weights and scalars too', async () => {
    class Tied extends Module {
      a = new Linear(3, 3);
      b = new Linear(3, 3);
      norm = new BatchNorm2d(2);
      constructor() {
        super();
        this.b.weight = this.a.weight;
      }
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const path = join(folder, 'tied.safetensors');
    const from = new Tied();
    await from.save(path);
    expect((await readStateDict(path)).size).toBe(9);
    const to = new Tied();
    await to.load(path);
    expect(await dataOf(to)).toEqual(await dataOf(from));
  });

  it('f64 and f16 files are converted while they are read', async () => {
    const path = join(folder, 'wide.safetensors');
    const weight = Float64Array.from({ length: 200_000 }, (_, index) => index / 3);
    await writeSafetensors(path, {
      weight: { dtype: 'f64', shape: [400, 500], data: weight },
      bias: { dtype: 'f16', shape: [400], data: new Uint16Array(400).fill(0x3c00) },
    });
    const model = skipInit(() => new Linear(500, 400));
    await model.load(path);
    expect(await numbers(model.weight)).toEqual(Array.from(weight, Math.fround));
    expect(new Set(await numbers(model.bias!))).toEqual(new Set([1]));
  });

  it('a file that does not fit, or is cut off at any length, changes nothing', async () => {
    const model = small();
    const before = await dataOf(model);
    const other = join(folder, 'other.safetensors');
    await new Linear(2, 2).save(other);
    await expect(model.load(other)).rejects.toThrow('missing (8): 0.weight');
    const whole = readFileSync(checkpoint);
    const path = join(folder, 'cut.pth');
    for (const length of [0, 1, 100, 1000, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      await expect(model.load(path)).rejects.toThrow(WeightsError);
    }
    await expect(model.load(join(folder, 'absent.pth'))).rejects.toThrow(WeightsError);
    expect(await dataOf(model)).toEqual(before);
  });
});
