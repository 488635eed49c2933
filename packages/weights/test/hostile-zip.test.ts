// Archives that PyTorch would never write.
import { openStateDict, readStateDict } from '@fusor/weights';
import { describe, expect, it } from 'vitest';
import { largestAllocation } from './support/allocations.ts';
import { dict, op, pickle, storage, tensor } from './support/pickle.ts';
import { refusal } from './support/refusal.ts';
import { type ZipFile, type ZipOptions, zip } from './support/zip.ts';

const encoder = new TextEncoder();
const four = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
const code = pickle(
  dict({ x: tensor({ storage: storage('FloatStorage', '0', 4), size: [4], stride: [1] }) }),
);

function archive(
  change: Partial<Record<'pickle' | 'storage', Partial<ZipFile>>> = {},
  options: ZipOptions & { extra?: readonly ZipFile[] } = {},
): Uint8Array {
  const files: ZipFile[] = [
    { name: 'm/data.pkl', data: code, ...change.pickle },
    { name: 'm/data/0', data: four, ...change.storage },
    ...(options.extra ?? []),
  ];
  return zip(files, options);
}

const plain = (name: string, content = ''): ZipFile => ({ name, data: encoder.encode(content) });

describe('archives that are in order', () => {
  const fine: [string, Uint8Array][] = [
    ['plain', archive()],
    ['with a zip64 end', archive({}, { zip64End: true })],
    ['with zip64 sizes', archive({ pickle: { zip64: true }, storage: { zip64: true } }, { zip64End: true })],
    ['with a comment', archive({}, { comment: 'hello PK\x05\x06 hello' })],
    ['in byte order little', archive({}, { extra: [plain('m/byteorder', 'little\n')] })],
    ['with folders', archive({}, { extra: [plain('m/'), plain('m/data/')] })],
    ['with a name with a colon', zip([plain('a:b/version'), ...two('a:b')])],
    ['with a name of two bytes a letter', zip(two('modèle'))],
    ['with a second pickle further down', archive({}, { extra: [plain('m/extra/data.pkl')] })],
  ];
  function two(root: string): ZipFile[] {
    return [
      { name: `${root}/data.pkl`, data: code },
      { name: `${root}/data/0`, data: four },
    ];
  }
  it.each(fine)('%s', async (_, bytes) => {
    expect((await readStateDict(bytes)).get('x')!.data).toEqual(Float32Array.of(1, 2, 3, 4));
  });
});

describe('archives that are not', () => {
  const cases: [string, Uint8Array, RegExp][] = [
    ['compressed data', archive({ storage: { method: 8 } }), /entry "m\/data\/0" is compressed \(method 8\)/],
    ['encrypted data', archive({ storage: { flags: 0x801 } }), /entry "m\/data\/0" is encrypted/],
    ['strong encryption', archive({ pickle: { flags: 0x840 } }), /entry "m\/data.pkl" is encrypted/],
    ['two sizes', archive({ storage: { packedSize: 15 } }), /has two sizes, 15 and 16/],
    ['an entry larger than the file', archive({ storage: { size: 2 ** 31 } }), /overlaps the directory/],
    [
      'an entry of 2^60 bytes',
      archive({ storage: { size: 2 ** 60, zip64: true } }),
      /overlaps the directory/,
    ],
    ['an entry behind the file', archive({ storage: { header: 2 ** 31 } }), /overlaps the directory/],
    [
      'an entry behind 2^53',
      archive({ storage: { header: 2 ** 60, zip64: true } }),
      /overlaps the directory/,
    ],
    ['two entries in one place', archive({ storage: { header: 0 } }), /overlaps entry/],
    ['an entry inside another', archive({ storage: { header: 40 } }), /overlaps/],
    [
      'one entry one byte into the next',
      archive({ pickle: { size: code.length + 1 } }),
      /overlaps entry "m\/data\/0"/,
    ],
    ['a name twice', archive({}, { extra: [plain('m/data/0')] }), /"m\/data\/0" comes twice/],
    ['a path upwards', archive({}, { extra: [plain('m/../../etc/cron.d/x')] }), /no plain path/],
    ['an absolute path', archive({}, { extra: [plain('/etc/passwd')] }), /no plain path/],
    ['a drive', archive({}, { extra: [plain('C:/x')] }), /no plain path/],
    ['a backslash', archive({}, { extra: [plain('m\\..\\x')] }), /no plain path/],
    ['a NUL in a name', archive({}, { extra: [plain('m/x\0.pkl')] }), /no plain path/],
    ['an empty name', archive({}, { extra: [plain('')] }), /no plain path/],
    ['another name in front of the data', archive({ storage: { localName: 'm/data/1' } }), /another name/],
    [
      'padding that pushes data out',
      archive({ storage: { localExtra: 0xffff } }),
      /reaches into what follows/,
    ],
    [
      'padding that pushes into the next',
      archive({ pickle: { localExtra: 1 } }),
      /reaches into what follows/,
    ],
    ['more entries than fit', archive({}, { entries: 0xffff }), /65535 entries in a directory of/],
    ['more entries than there are', archive({}, { entries: 3, extra: [] }), /3 entries in|damaged/],
    ['fewer entries than there are', archive({}, { entries: 1 }), /more than its entries/],
    ['2^60 entries', archive({}, { entries: 2 ** 60, zip64End: true }), /entries/],
    ['a directory of 4 GB', archive({}, { directorySize: 0xfffffffe }), /does not end at/],
    [
      'a directory of 2^60 bytes',
      archive({}, { directorySize: 2 ** 60, zip64End: true }),
      /does not end at|contradict/,
    ],
    ['a directory somewhere else', archive({}, { directoryPosition: 5 }), /does not end at/],
    ['several parts', archive({}, { disk: 1 }), /several parts/],
    ['big-endian data', archive({}, { extra: [plain('m/byteorder', 'big')] }), /byte order "big"/],
    [
      'a byte order that is none',
      archive({}, { extra: [plain('m/byteorder', 'x'.repeat(99))] }),
      /byte order/,
    ],
    ['TorchScript', archive({}, { extra: [plain('m/constants.pkl'), plain('m/code/x.py')] }), /TorchScript/],
    ['no pickle', zip([plain('word/document.xml')]), /not PyTorch's: no data.pkl among "word\/document.xml"/],
    ['nothing', zip([]), /no data.pkl among no entries/],
    ['two pickles', archive({}, { extra: [plain('n/data.pkl')] }), /several data.pkl, in "m", "n"/],
    ['an empty pickle', zip([plain('m/data.pkl')]), /truncated/],
    ['a pickle without an end', zip([plain('m/data.pkl', '\x80\x02')]), /truncated|not UTF-8|pickle/],
    ['only a start', Uint8Array.from([0x50, 0x4b, 3, 4]), /end of the directory is missing/],
  ];
  it.each(cases)('%s', async (_, bytes, message) => {
    const largest = await largestAllocation(async () => {
      expect(await refusal(bytes)).toMatch(message);
    });
    expect(largest).toBeLessThanOrEqual(bytes.length);
  });

  it('an entry cut short is found when the archive is opened, its own header when it is read', async () => {
    const bytes = archive();
    const header = Buffer.from(bytes).indexOf('m/data/0') - 30;
    bytes[header] = 0;
    await using lazy = await openStateDict(bytes);
    await expect(lazy.read('x')).rejects.toThrow(/tensor "x": zip: entry "m\/data\/0" has no header at/);
  });

  it('an archive of 60,000 empty entries is read in time', async () => {
    const extra = Array.from({ length: 60_000 }, (_, i) => plain(`m/data/${i + 1}`));
    const bytes = archive({}, { extra, zip64End: true });
    expect((await readStateDict(bytes)).size).toBe(1);
  });

  it('a pickle beside its storages may hold nothing', async () => {
    const bytes = zip([{ name: 'm/data.pkl', data: pickle(op.emptyDict) }]);
    expect((await readStateDict(bytes)).size).toBe(0);
  });
});
