// The published ResNet-20 for CIFAR-10 (Y. Idelbayev), a file of PyTorch before 1.6, exactly as it was published.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openStateDict, readStateDict } from '@fusor/weights';
import { describe, expect, it } from 'vitest';

const file = fileURLToPath(
  new URL('../../../../shared/data/cifar10-resnet20/resnet20-12fca82f.th', import.meta.url),
);
if (!existsSync(file)) console.warn('skipped: ../shared/data/cifar10-resnet20 is not there');

describe.skipIf(!existsSync(file))('resnet20-12fca82f.th', () => {
  it('has 97 tensors with 269,722 parameters, named without `module.`', async () => {
    const dict = await readStateDict(file);
    expect(dict.size).toBe(97);
    expect(dict.get('conv1.weight')).toMatchObject({ dtype: 'f32', shape: [16, 3, 3, 3] });
    expect(dict.get('layer2.0.conv1.weight')).toMatchObject({ dtype: 'f32', shape: [32, 16, 3, 3] });
    expect(dict.get('linear.weight')).toMatchObject({ dtype: 'f32', shape: [10, 64] });
    expect(dict.get('linear.bias')).toMatchObject({ dtype: 'f32', shape: [10] });
    let parameters = 0;
    for (const [name, { data }] of dict) if (!name.includes('running_')) parameters += data.length;
    expect(parameters).toBe(269_722);
    for (const [name, { data }] of dict) {
      const lowest = name.endsWith('running_var') ? 0 : -1000;
      const sane = (data as Float32Array).every((value) => value > lowest && value < 1000);
      expect({ name, sane }).toEqual({ name, sane: true });
    }
  });

  it('lies in the file as the tensors that are read, each storage once', async () => {
    const dict = await readStateDict(file, { stripPrefix: false });
    const raw = await readFile(file);
    expect([...dict.keys()].every((name) => name.startsWith('module.'))).toBe(true);
    let bytes = 0;
    for (const { data } of dict.values()) {
      const found = raw.indexOf(Buffer.from(data.buffer));
      expect(found).toBeGreaterThan(0);
      // An int64 element count stands before the elements.
      expect(raw.readBigInt64LE(found - 8)).toBe(BigInt(data.length));
      bytes += data.byteLength;
    }
    expect(bytes).toBe((269_722 + 2 * 688) * 4);
  });

  it('tells names, dtypes and shapes before any element is read', async () => {
    await using lazy = await openStateDict(file);
    expect(lazy.format).toBe('torch-legacy');
    expect(lazy.tensors.get('bn1.running_var')).toEqual({ dtype: 'f32', shape: [16], byteLength: 64 });
  });
});
