// Headers that the reference implementation refuses, and those that its JSON reader would have let pass.
import { openStateDict, readStateDict } from '@fusor/weights';
import { describe, expect, it } from 'vitest';
import { largestAllocation } from './support/allocations.ts';
import { refusal } from './support/refusal.ts';

/** A file with that header, and `data` bytes after it. */
function file(header: string | Uint8Array, data = 0, length?: number | bigint): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const x = '"dtype":"F32","shape":[2],"data_offsets":[0,8]';

describe('headers that are in order', () => {
  const fine: [string, string, number, string[]][] = [
    ['no tensors', '{}', 0, []],
    [
      'white space',
      ' \n\t\r{ "x" : { "shape" : [ 2 ] , "dtype":"F32","data_offsets":[0,8]\n} }   '.trimStart(),
      8,
      ['x'],
    ],
    ['fields that are not known', `{"x":{"note":[{"a":[1,-2.5e3,null,true,"s"]}],${x}}}`, 8, ['x']],
    [
      'tensors not in the order of their data',
      `{"b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]},"x":{${x}}}`,
      9,
      ['b', 'x'],
    ],
    [
      'empty tensors between others',
      `{"x":{${x}},"e":{"dtype":"F64","shape":[0,9],"data_offsets":[8,8]},"f":{"dtype":"I8","shape":[],"data_offsets":[8,9]}}`,
      9,
      ['x', 'e', 'f'],
    ],
    ['escapes in names', `{"\\u0041\\n\\ud83d\\ude00":{${x}}}`, 8, ['A\n😀']],
    ['names of properties', `{"__proto__":{${x}}}`, 8, ['__proto__']],
    ['metadata', `{"__metadata__":{"a":"b"},"x":{${x}}}`, 8, ['x']],
    ['metadata of null', `{"__metadata__":null,"x":{${x}}}`, 8, ['x']],
  ];
  it.each(fine)('%s', async (_, header, data, names) => {
    expect([...(await readStateDict(file(header, data))).keys()]).toEqual(names);
  });
});

describe('headers that are not', () => {
  const one = (fields: string): string => `{"x":{${fields}}}`;
  const cases: [string, Uint8Array, RegExp][] = [
    ['a length beyond the file', file('{}', 0, 3), /header is said to have 3 bytes, but the file has 10/],
    ['a length beyond the limit', file('{}', 0, 100_000_001), /more than the format's 100000000/],
    ['a length of 2^64 - 1', file('{}', 0, 2n ** 64n - 1n), /more than the format's/],
    ['a length of zero', file('{}', 0, 0), /does not begin with '\{'/],
    ['a length of one', file('{}', 0, 1), /expected a string but found the end/],
    ['an array', file('[]{}'), /neither safetensors nor/],
    ['something after the object', file(`${one(x)} x`, 8), /expected nothing more but found "x"/],
    ['two objects', file('{}{}'), /expected nothing more/],
    ['an object left open', file('{"x":{'), /expected a string but found the end/],
    ['a string left open', file('{"x'), /expected '"' but found the end/],
    ['a comma too many', file(`{"x":{${x}},}`, 8), /expected a string but found "}"/],
    ['no colon', file('{"x"{}}'), /expected ':' but found "\{"/],
    ['a name that is a number', file('{5:{}}'), /expected a string but found "5"/],
    ['a tensor that is null', file('{"x":null}'), /tensor "x": expected '\{' but found "n"/],
    ['a tensor that is a list', file('{"x":[]}'), /tensor "x": expected '\{'/],
    ['no dtype', file(one('"shape":[2],"data_offsets":[0,8]'), 8), /"x" lacks dtype, shape or data_offsets/],
    ['no shape', file(one('"dtype":"F32","data_offsets":[0,8]'), 8), /lacks/],
    ['no offsets', file(one('"dtype":"F32","shape":[2]'), 8), /lacks/],
    ['one offset', file(one('"dtype":"F32","shape":[2],"data_offsets":[8]'), 8), /data_offsets \[8\]/],
    [
      'three offsets',
      file(one('"dtype":"F32","shape":[2],"data_offsets":[0,8,9]'), 8),
      /more than 2 numbers/,
    ],
    [
      'a dtype that is none',
      file(one('"dtype":"F33","shape":[2],"data_offsets":[0,8]'), 8),
      /dtype "F33", which cannot be read/,
    ],
    ['a dtype of half a byte', file(one('"dtype":"F4","shape":[16],"data_offsets":[0,8]'), 8), /dtype "F4"/],
    ['complex numbers', file(one('"dtype":"C64","shape":[1],"data_offsets":[0,8]'), 8), /dtype "C64"/],
    ['a dtype that is a number', file(one('"dtype":5'), 8), /dtype: expected a string/],
    [
      'a dtype of a property',
      file(one('"dtype":"constructor","shape":[2],"data_offsets":[0,8]'), 8),
      /"constructor"/,
    ],
    ['a shape that is a number', file(one('"shape":2'), 8), /shape: expected '\['/],
    ['a negative size', file(one('"shape":[-2]'), 8), /shape: expected a whole number but found "-"/],
    ['a size with a fraction', file(one('"shape":[2.0]'), 8), /expected a whole number but found "\."/],
    ['a size with an exponent', file(one('"shape":[2e0]'), 8), /expected a whole number but found "e"/],
    ['a size with a leading zero', file(one('"shape":[02]'), 8), /expected a whole number/],
    ['a size that is text', file(one('"shape":["2"]'), 8), /expected a whole number/],
    ['a size of 2^64', file(one('"shape":[18446744073709551616]'), 8), /shape overflows/],
    [
      'a product of 2^64',
      file(one('"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]'), 8),
      /shape \[4294967296, 4294967296\] overflows/,
    ],
    ['65 dimensions', file(one(`"shape":[${'1,'.repeat(64)}1]`), 8), /more than 64 numbers/],
    [
      'offsets that end before they begin',
      file(one('"dtype":"F32","shape":[2],"data_offsets":[8,0]'), 8),
      /data_offsets \[8, 0\]/,
    ],
    [
      'offsets past the end',
      file(one('"dtype":"F32","shape":[2],"data_offsets":[0,8]'), 7),
      /take 8 bytes, but 7 follow/,
    ],
    [
      'offsets of terabytes',
      file(one('"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]'), 8),
      /take 1099511627776 bytes, but 8 follow/,
    ],
    [
      'offsets that do not fit the shape',
      file(one('"dtype":"F32","shape":[3],"data_offsets":[0,8]'), 8),
      /F32 \[3\] takes 12 bytes, but data_offsets give 8/,
    ],
    [
      'bytes that nothing owns at the start',
      file(one('"dtype":"F32","shape":[2],"data_offsets":[4,12]'), 12),
      /begins at byte 4 of the data, not at 0: it leaves a gap/,
    ],
    ['bytes that nothing owns at the end', file(one(x), 9), /take 8 bytes, but 9 follow/],
    [
      'a gap',
      file(`{"x":{${x}},"y":{"dtype":"U8","shape":[1],"data_offsets":[9,10]}}`, 10),
      /"y" begins at byte 9 .* gap/,
    ],
    [
      'an overlap',
      file(`{"x":{${x}},"y":{"dtype":"U8","shape":[1],"data_offsets":[7,8]}}`, 8),
      /"y" begins at byte 7 .* overlaps/,
    ],
    ['the same bytes twice', file(`{"x":{${x}},"y":{${x}}}`, 8), /overlaps/],
    ['a name twice', file(`{"x":{${x}},"x":{${x}}}`, 8), /the key "x" comes twice/],
    ['a name twice, once escaped', file(`{"x":{${x}},"\\u0078":{${x}}}`, 8), /the key "x" comes twice/],
    ['metadata twice', file('{"__metadata__":{},"__metadata__":{}}'), /"__metadata__" comes twice/],
    ['a metadata key twice', file('{"__metadata__":{"a":"1","a":"2"}}'), /"a" comes twice in __metadata__/],
    ['a field twice', file(one(`${x},"shape":[2]`), 8), /has "shape" twice/],
    ['metadata that is not text', file('{"__metadata__":{"a":1}}'), /__metadata__ "a": expected a string/],
    ['half a surrogate pair', file(`{"\\ud800":{${x}}}`, 8), /bad escape/],
    ['an escape that is none', file(`{"\\q":{${x}}}`, 8), /bad escape/],
    ['a raw line feed in a name', file(`{"a\nb":{${x}}}`, 8), /no raw control character/],
    [
      'a name that is not UTF-8',
      file(Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x7b, 0x7d, 0x7d])),
      /not UTF-8/,
    ],
    ['a field nested deeply', file(one(`"note":${'['.repeat(10_000)}`)), /nested more than 64 deep/],
    ['a field that is not JSON', file(one('"note":NaN'), 0), /expected a value but found "N"/],
    ['a field with a bad number', file(one('"note":01'), 0), /expected a value/],
    ['seven bytes', new Uint8Array(7), /neither safetensors nor/],
  ];
  it.each(cases)('%s', async (_, bytes, message) => {
    const largest = await largestAllocation(async () => {
      expect(await refusal(bytes)).toMatch(message);
    });
    expect(largest).toBeLessThanOrEqual(bytes.length);
  });
});

it('a header of many tensors lets the event loop turn while it is read', async () => {
  const count = 60_000;
  const entries = Array.from(
    { length: count },
    (_, i) => `"t${i}":{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`,
  );
  const bytes = file(`{${entries.join()}}`, count);
  let turns = 0;
  let running = true;
  const tick = (): void => {
    turns++;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  await using lazy = await openStateDict(bytes);
  running = false;
  expect(lazy.tensors.size).toBe(count);
  expect(turns).toBeGreaterThan(3);
});
