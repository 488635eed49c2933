// Pickles that PyTorch would never write. Each must be refused by a WeightsError that says why, at once, without
// taking memory that the file does not justify.
import { readStateDict } from '@fusor/weights';
import { describe, expect, it } from 'vitest';
import { largestAllocation } from './support/allocations.ts';
import {
  bytes,
  type Code,
  call,
  dict,
  float,
  get,
  global,
  int,
  op,
  pickle,
  protocol,
  put,
  storage,
  tensor,
  text,
  tuple,
  uint,
} from './support/pickle.ts';
import { refusal } from './support/refusal.ts';
import { torchZip } from './support/zip.ts';

const four = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
const floats = storage('FloatStorage', '0', 4);
const good = tensor({ storage: floats, size: [2, 2], stride: [2, 1] });

/** The pickle in an archive with one storage of four floats. */
function refused(...code: readonly Code[]): Promise<string> {
  return refusal(torchZip(pickle(...code), { 0: four }));
}

it('the assembler makes what is read: the refusals below are not its mistakes', async () => {
  const file = torchZip(pickle(dict({ a: good, n: op.none, f: float(0.5) })), { 0: four });
  expect([...(await readStateDict(file)).entries()]).toEqual([
    ['a', { dtype: 'f32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
  ]);
});

describe('globals that are not on the allow-list are refused by name, however they are asked for', () => {
  const names: [string, string][] = [
    ['os', 'system'],
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['builtins', 'exec'],
    ['builtins', 'getattr'],
    ['__builtin__', 'eval'],
    ['subprocess', 'Popen'],
    ['torch', 'load'],
    ['torch.hub', 'load'],
    ['torch._utils', '_rebuild_qtensor'],
    ['torch', 'QInt8Storage'],
    ['numpy.core.multiarray', '_reconstruct'],
    ['torch.nn.modules.conv', 'Conv2d'],
    ['collections', 'OrderedDict.fromkeys'],
    ['__proto__', 'constructor'],
    ['', ''],
  ];
  it.each(names)('%s.%s', async (module, name) => {
    const wanted = `the pickle asks for ${module}.${name}, which is refused`;
    const forms: readonly Code[] = [
      [...global(module, name), ...tuple(text('echo')), ...op.reduce],
      [...text(module), ...text(name), ...op.stackGlobal, ...tuple(text('echo')), ...op.reduce],
      // Not called, only named.
      global(module, name),
      // Hidden in a place that is not looked at.
      [...global(module, name), ...op.pop, ...op.none],
    ];
    for (const form of forms) {
      expect(await refused(dict({ a: good, evil: form }))).toContain(wanted);
    }
    const stream = Uint8Array.from([
      ...pickle(int(0x1950a86a20f9469cfc6cn)),
      ...pickle(int(1001)),
      ...pickle(dict({ little_endian: op.yes })),
      ...pickle(global(module, name)),
    ]);
    expect(await refusal(stream)).toContain(wanted);
  });

  it('in the parts of a stream that hold plain values, allowed ones are refused too', async () => {
    expect(await refusal(pickle(call('collections', 'OrderedDict')))).toContain('only plain values belong');
    const withId = Uint8Array.from([
      ...pickle(int(0x1950a86a20f9469cfc6cn)),
      ...pickle(int(1001)),
      ...pickle(text('0'), op.persistent),
    ]);
    expect(await refusal(withId)).toContain('a persistent id is refused where only plain values belong');
  });

  it('a control character in a name cannot disturb a terminal', async () => {
    expect(await refused([...text('os\u001b[2J'), ...text('x\n'), ...op.stackGlobal])).toContain(
      'os\\u001b[2J.x\\n',
    );
  });
});

describe('opcodes that PyTorch does not write are refused by name', () => {
  const forms: [string, Code][] = [
    ['INST', [0x69, ...bytes('os\nsystem\n')]],
    ['OBJ', [...op.mark, ...global('collections', 'OrderedDict'), ...op.object]],
    ['NEWOBJ', [...global('collections', 'OrderedDict'), ...op.emptyTuple, ...op.newObject]],
    [
      'NEWOBJ_EX',
      [...global('collections', 'OrderedDict'), ...op.emptyTuple, ...op.emptyDict, ...op.newObjectExtended],
    ],
    ['EXT1', [0x82, 1]],
    ['EXT2', [0x83, 1, 0]],
    ['EXT4', [0x84, 1, 0, 0, 0]],
    ['PERSID', [0x50, ...bytes('0\n')]],
    ['INT', [0x49, ...bytes('5\n')]],
    ['LONG', [0x4c, ...bytes('5L\n')]],
    ['STRING', [0x53, ...bytes("'a'\n")]],
    ['UNICODE', [0x56, ...bytes('a\n')]],
    ['FLOAT', [0x46, ...bytes('1.5\n')]],
    ['GET', [0x67, ...bytes('0\n')]],
    ['PUT', [0x70, ...bytes('0\n')]],
    ['NEXT_BUFFER', [0x97]],
    ['READONLY_BUFFER', [0x98]],
    ['0xff', [0xff]],
    ['0x00', [0x00]],
  ];
  it.each(forms)('%s', async (name, code) => {
    expect(await refused(code)).toContain(`opcode ${name} at byte`);
  });
});

describe('calls', () => {
  const anything = [
    op.none,
    int(5),
    text('a'),
    op.emptyDict,
    op.emptyList,
    good,
    floats,
    global('torch', 'float32'),
  ];

  it('only of functions of the allow-list', async () => {
    for (const callee of [...anything, global('torch', 'Tensor'), global('torch', 'FloatStorage')]) {
      expect(await refused(callee, op.emptyTuple, op.reduce)).toMatch(/REDUCE would call/);
    }
  });

  it('only with a tuple of arguments', async () => {
    for (const args of anything) {
      expect(await refused(global('torch', 'Size'), args, op.reduce)).toMatch(/torch\.Size called with/);
    }
  });

  it('survive arguments of every kind and number', async () => {
    const functions: [string, string][] = [
      ['torch._utils', '_rebuild_tensor'],
      ['torch._utils', '_rebuild_tensor_v2'],
      ['torch._utils', '_rebuild_tensor_v3'],
      ['torch._utils', '_rebuild_parameter'],
      ['torch._utils', '_rebuild_parameter_with_state'],
      ['torch._tensor', '_rebuild_from_type_v2'],
      ['torch', 'Size'],
      ['collections', 'OrderedDict'],
    ];
    const pair = [...op.emptyList, ...tuple(int(1)), ...op.append];
    for (const [module, name] of functions) {
      for (const argument of [...anything, pair]) {
        if (name === 'Size' || name === 'OrderedDict') {
          // An empty list is a right argument.
          if (argument === op.emptyList || argument === pair) continue;
        }
        for (const count of [1, 2, 4, 7]) {
          const args = Array.from({ length: count }, () => argument);
          expect(await refused(call(module, name, ...args))).toMatch(/pickle|not a state dict/);
        }
      }
    }
    expect(await refused(call('collections', 'OrderedDict', pair))).toMatch(/OrderedDict with tuple of 1/);
  });

  it('of a call of a call of a call do not recurse', async () => {
    const type = global('torch', 'Tensor');
    const self = global('torch._tensor', '_rebuild_from_type_v2');
    let args = tuple(floats);
    for (let depth = 0; depth < 50; depth++) args = tuple(self, type, args, op.none);
    expect(await refused(self, args, op.reduce)).toMatch(/would call torch\._tensor\._rebuild_from_type_v2/);
    const system = call('torch._tensor', '_rebuild_from_type_v2', global('torch', 'device'), type, args);
    expect(await refused(system)).toMatch(/would call torch\.device/);
  });

  it('set attributes of nothing but an OrderedDict, and there they are dropped', async () => {
    for (const target of [...anything, op.emptyTuple]) {
      expect(await refused(target, op.emptyDict, op.build)).toMatch(/BUILD of .* is refused/);
    }
    for (const state of [op.none, text('a'), op.emptyList]) {
      expect(await refused(call('collections', 'OrderedDict'), state, op.build)).toMatch(/BUILD of/);
    }
    const state = dict({ _metadata: op.none, __class__: text('x'), __proto__: text('x') });
    const target = [...call('collections', 'OrderedDict'), ...op.mark, ...text('a'), ...good, ...op.setItems];
    const read = await readStateDict(torchZip(pickle(target, state, op.build), { 0: four }));
    expect([...read.keys()]).toEqual(['a']);
  });
});

describe('tensors that do not lie in their storage', () => {
  const huge = 2n ** 62n;
  const cases: [string, Parameters<typeof tensor>[0], RegExp][] = [
    [
      'size past the end',
      { storage: floats, size: [5], stride: [1] },
      /reaches past the 16 bytes of storage "0"/,
    ],
    ['stride past the end', { storage: floats, size: [2], stride: [4] }, /reaches past/],
    ['offset past the end', { storage: floats, offset: 4, size: [1], stride: [1] }, /reaches past/],
    ['scalar past the end', { storage: floats, offset: 4, size: [], stride: [] }, /reaches past/],
    ['negative offset', { storage: floats, offset: -1, size: [1], stride: [1] }, /storage offset is -1/],
    ['negative size', { storage: floats, size: [-1], stride: [1] }, /size is -1/],
    ['negative stride', { storage: floats, offset: 3, size: [4], stride: [-1] }, /stride is -1/],
    ['huge size', { storage: floats, size: [huge], stride: [1] }, /size is 4611686018427387904/],
    ['huge stride', { storage: floats, size: [2], stride: [2n ** 64n] }, /stride is 18446744073709551616/],
    ['huge offset', { storage: floats, offset: huge, size: [1], stride: [1] }, /storage offset is/],
    ['sizes that overflow', { storage: floats, size: [2 ** 27, 2 ** 27], stride: [0, 0] }, /overflows/],
    [
      'strides that lose precision',
      { storage: floats, size: [3, 3], stride: [2n ** 53n - 1n, 2n ** 53n - 1n] },
      /reaches past/,
    ],
    [
      'size and stride of different length',
      { storage: floats, size: [2, 2], stride: [1] },
      /size \[2, 2\] with stride \[1\]/,
    ],
    [
      '65 dimensions',
      { storage: floats, size: new Array<number>(65).fill(1), stride: new Array<number>(65).fill(1) },
      /65 dimensions/,
    ],
    ['expansion to a terabyte', { storage: floats, size: [2 ** 40], stride: [0] }, /more than maxBytes/],
    [
      'a storage that is not there',
      { storage: storage('FloatStorage', '1', 4), size: [4], stride: [1] },
      /storage "1" is not in the archive/,
    ],
    [
      'a storage outside the archive',
      { storage: storage('FloatStorage', '../../etc/passwd', 4), size: [4], stride: [1] },
      /is not in the archive/,
    ],
    [
      'a storage declared too large',
      { storage: storage('FloatStorage', '0', 5), size: [5], stride: [1] },
      /declared with 20 bytes but has 16/,
    ],
    [
      'a storage declared huge',
      { storage: storage('FloatStorage', '0', 2n ** 50n), size: [2 ** 40], stride: [1] },
      /more than maxBytes|declared with/,
    ],
    [
      'a storage declared negative',
      { storage: storage('FloatStorage', '0', -4), size: [4], stride: [1] },
      /element count is -4/,
    ],
    [
      'a storage whose bytes overflow',
      { storage: storage('DoubleStorage', '0', 2n ** 53n - 1n), size: [1], stride: [1] },
      /of 9007199254740991 elements/,
    ],
    [
      'a storage declared too small',
      { storage: storage('FloatStorage', '0', 2), size: [2], stride: [1] },
      /declared with 8 bytes but has 16/,
    ],
    [
      'a storage of complex numbers',
      { storage: storage('ComplexFloatStorage', '0', 2), size: [2], stride: [1] },
      /ComplexFloatStorage.*complex tensors are not supported/,
    ],
    [
      'a storage without a type',
      { storage: storage('UntypedStorage', '0', 16), size: [2], stride: [1] },
      /without a dtype on an untyped storage/,
    ],
  ];
  it.each(cases)('%s', async (_, parts, message) => {
    const file = torchZip(pickle(dict({ x: tensor(parts) })), { 0: four });
    const largest = await largestAllocation(async () => {
      expect(await refusal(file)).toMatch(message);
    });
    expect(largest).toBeLessThanOrEqual(file.length);
  });

  it('an empty tensor may stand anywhere and takes nothing', async () => {
    const empty = tensor({
      storage: floats,
      offset: 2n ** 50n,
      size: [2 ** 40, 0, 2 ** 40],
      stride: [1, 1, 1],
    });
    const read = await readStateDict(torchZip(pickle(dict({ empty })), { 0: four }));
    expect(read.get('empty')!.data.length).toBe(0);
  });

  it('a storage that is declared twice, differently', async () => {
    for (const other of [storage('FloatStorage', '0', 3), storage('IntStorage', '0', 4)]) {
      const second = tensor({ storage: other, size: [2], stride: [1] });
      expect(await refused(dict({ a: good, b: second }))).toMatch(
        /storage "0" is declared twice, differently/,
      );
    }
  });

  it('persistent ids that are no storages', async () => {
    const ids: [Code, RegExp][] = [
      [tuple(text('module'), text('x')), /kind "module" is refused/],
      [text('0'), /a persistent id that is str/],
      [tuple(), /kind nothing is refused/],
      [tuple(text('storage')), /a storage of class nothing/],
      [
        tuple(text('storage'), text('FloatStorage'), text('0'), text('cpu'), int(4)),
        /a storage of class str/,
      ],
      [
        tuple(text('storage'), global('torch', 'float32'), text('0'), text('cpu'), int(4)),
        /class torch\.float32/,
      ],
      [tuple(text('storage'), global('torch', 'FloatStorage'), int(0), text('cpu'), int(4)), /key is int/],
      [
        tuple(text('storage'), global('torch', 'FloatStorage'), text('0'), text('cpu')),
        /element count is nothing/,
      ],
    ];
    for (const [id, message] of ids) expect(await refused(id, op.persistent)).toMatch(message);
  });

  it('views of storages that reach out of them', async () => {
    const view = (start: number, length: number): Code => [
      ...tuple(
        ...[text('storage'), global('torch', 'FloatStorage'), text('0'), text('cpu'), int(4)],
        tuple(text('v'), int(start), int(length)),
      ),
      ...op.persistent,
    ];
    expect(await refused(view(2, 3))).toMatch(/a view of elements 2 to 5 of a storage with 4/);
    expect(await refused(view(-1, 3))).toMatch(/view offset is -1/);
    const past = tensor({ storage: view(1, 2), size: [3], stride: [1] });
    expect(await refused(dict({ past }))).toMatch(/reaches past the 8 bytes/);
    const inside = tensor({ storage: view(1, 3), offset: 1, size: [2], stride: [1] });
    const read = await readStateDict(torchZip(pickle(dict({ inside })), { 0: four }));
    expect(read.get('inside')!.data).toEqual(Float32Array.of(3, 4));
  });

  it('many different views of one storage do not fill the memory', async () => {
    const size = 1 << 18;
    const on = storage('ByteStorage', '0', size + 1000);
    const views: Record<string, Code> = {};
    for (let offset = 0; offset < 1000; offset++) {
      views[`v${offset}`] = tensor({ storage: on, offset, size: [size], stride: [1] });
    }
    const file = torchZip(pickle(dict(views)), { 0: new Uint8Array(size + 1000) });
    expect(await refusal(file)).toMatch(
      /take \d+ bytes, more than maxBytes = \d+ .*many views of one storage/,
    );
    expect((await readStateDict(file, { maxBytes: 1000 * size })).size).toBe(1000);
  });
});

describe('nesting, counts and lengths are bounded', () => {
  it('a dict that contains itself is read, its tensors too', async () => {
    const self = [...op.emptyDict, ...put(0), ...op.mark];
    const code = [
      ...[...self, ...text('self'), ...get(0), ...text('a'), ...good],
      ...[...text('state_dict'), ...get(0), ...text('model'), ...get(0), ...op.setItems],
    ];
    const read = await readStateDict(torchZip(pickle(code), { 0: four }));
    expect([...read.keys()]).toEqual(['a']);
    const empty = [...self, ...text('state_dict'), ...get(0), ...op.setItems];
    expect(await refused(empty)).toMatch(/no tensors/);
    const lists = [...op.emptyList, ...put(0), ...get(0), ...op.append];
    expect(await refused(lists)).toMatch(/holds list of 1, not a state dict/);
  });

  it('two dicts that unwrap to each other end', async () => {
    const code = [
      ...[...op.emptyDict, ...put(0), ...text('state_dict'), ...op.emptyDict, ...put(1)],
      ...[...text('model'), ...get(0), ...op.setItem, ...op.setItem],
    ];
    expect(await refused(code)).toMatch(
      /no tensors in the dict of the checkpoint; its keys are "state_dict"/,
    );
  });

  it('a hundred thousand tuples in each other are data like any other', async () => {
    const deep = [...op.emptyTuple, ...new Array<number>(100_000).fill(op.tuple1[0])];
    const read = await readStateDict(torchZip(pickle(dict({ deep, a: good })), { 0: four }));
    expect([...read.keys()]).toEqual(['a']);
  });

  it('a million open marks, stack entries, containers', async () => {
    const many = (code: Code, count: number): Uint8Array =>
      Buffer.alloc(code.length * count, Uint8Array.from(code));
    const around = async (body: Uint8Array): Promise<string> =>
      refusal(torchZip(Buffer.concat([Uint8Array.from(protocol(2)), body, Uint8Array.from(op.stop)])));
    expect(await around(many(op.mark, 1_000_000))).toMatch(/nested more than 1000 deep/);
    expect(await around(many(op.none, 1_100_000))).toMatch(/more than 1000000 values on the stack/);
    expect(await around(many([...op.emptyDict, ...op.pop], 1_100_000))).toMatch(
      /more than 1000000 containers/,
    );
    expect(await around(many([...op.none, ...op.pop], 8_100_000))).toMatch(/more than 16000000 opcodes/);
    expect(await around(many([...op.none, ...op.memoize, ...op.pop], 4_100_000))).toMatch(
      /more than 4000000 memo entries/,
    );
  }, 300_000);

  it('a memo bomb (each list holds the one before ten times) stays small and is not walked', async () => {
    let code: number[] = [...op.emptyList, ...put(0)];
    for (let level = 1; level < 200; level++) {
      const ten = Array.from({ length: 10 }, () => get(level - 1)).flat();
      code = [...code, ...op.emptyList, ...put(level), ...op.mark, ...ten, ...op.appends];
    }
    code = [...dict({ a: good }), ...text('bomb'), ...op.mark, ...code, ...op.list, ...op.setItem];
    const read = await readStateDict(torchZip(pickle(code), { 0: four }));
    expect([...read.keys()]).toEqual(['a']);
  });

  it('a list that is copied again and again', async () => {
    const pairs: number[] = [...op.emptyList, ...op.mark];
    for (let i = 0; i < 1000; i++) pairs.push(...tuple(int(i), int(i)));
    pairs.push(...op.appends, ...put(0));
    const copies = Array.from({ length: 1000 }, () => call('collections', 'OrderedDict', get(0))).flat();
    expect(await refused(pairs, tuple(copies))).toMatch(/copied again and again/);
  });

  it('a shape that is used again and again', async () => {
    const ones = tuple(...new Array<Code>(64).fill(int(1)));
    const args = tuple(floats, int(0), [...ones, ...put(0)], get(0));
    const again = [...get(2), ...get(1), ...op.reduce];
    const code = [...global('torch._utils', '_rebuild_tensor'), ...put(2), ...args, ...put(1), ...op.reduce];
    expect(await refused(code, ...new Array<Code>(10_000).fill(again))).toMatch(/copied again and again/);
  });

  const lengths: [string, Code, RegExp][] = [
    ['a string of 4 GB', [0x58, 0xff, 0xff, 0xff, 0xff], /4294967295 bytes are wanted where only/],
    ['a string of 2^64 bytes', [0x8d, ...uint(2n ** 64n - 1n, 8)], /18446744073709552000 bytes are wanted/],
    ['bytes of 2^63', [0x8e, ...uint(2n ** 63n, 8)], /bytes are announced where only/],
    ['a bytearray of 2^63', [0x96, ...uint(2n ** 63n, 8)], /bytes are announced where only/],
    ['bytes of 4 GB', [0x42, 0xff, 0xff, 0xff, 0xff], /bytes are announced where only/],
    ['a frame of 2^63', [0x95, ...uint(2n ** 63n, 8)], /FRAME of 9223372036854776000 bytes/],
    ['an integer of 2 GB', [0x8b, 0xff, 0xff, 0xff, 0x7f], /an integer of 2147483647 bytes/],
    ['an integer of negative length', [0x8b, 0xff, 0xff, 0xff, 0xff], /an integer of 4294967295 bytes/],
    ['an integer of 255 bytes', [0x8a, 0xff, ...new Array<number>(255).fill(1)], /an integer of 255 bytes/],
    ['a name that never ends', [0x63, ...new Array<number>(5000).fill(0x61)], /longer than 1024 bytes/],
    ['a name that is not UTF-8', [0x63, 0xff, 0xfe, 0x0a, 0x0a], /not UTF-8/],
    ['protocol 6', protocol(6), /protocol 6 is not known/],
  ];
  it.each(lengths)('%s', async (_, code, message) => {
    const file = torchZip(pickle(code));
    const largest = await largestAllocation(async () => {
      expect(await refusal(file)).toMatch(message);
    });
    expect(largest).toBeLessThanOrEqual(file.length);
  });
});

describe('a stack machine out of order', () => {
  const cases: [string, Code, RegExp][] = [
    ['nothing at all', [], /STOP with nothing on the stack/],
    ['pop of nothing', op.pop, /POP with nothing on the stack/],
    ['a tuple without a mark', [...op.none, ...op.tuple], /TUPLE without a mark/],
    ['a pop below the mark', [...op.none, ...op.mark, ...op.tuple1], /TUPLE1 with nothing on the stack/],
    [
      'an append below the mark',
      [...op.emptyList, ...op.mark, ...op.none, ...op.append],
      /APPEND with nothing/,
    ],
    ['values left over', [...op.none, ...op.none], /STOP with values left/],
    ['a mark left over', [...op.mark, ...op.none], /STOP with values left/],
    ['append to a dict', [...op.emptyDict, ...op.none, ...op.append], /APPEND to dict of 0/],
    [
      'appends to a tensor',
      [...good, ...op.mark, ...op.none, ...op.appends],
      /APPENDS to tensor f32 \[2, 2\]/,
    ],
    ['items set in a list', [...op.emptyList, ...op.none, ...op.none, ...op.setItem], /SETITEM to list of 0/],
    [
      'an odd number of items',
      [...op.emptyDict, ...op.mark, ...op.none, ...op.setItems],
      /key without a value/,
    ],
    ['an odd dict', [...op.mark, ...op.none, ...op.dict], /DICT with a key without a value/],
    [
      'a list for a key',
      [...op.emptyDict, ...op.emptyList, ...op.none, ...op.setItem],
      /a key is a list of 0/,
    ],
    ['items added to a list', [...op.emptyList, ...op.mark, ...op.addItems], /ADDITEMS to list/],
    ['a memo never written', get(7), /memo 7 is read but was never written/],
    ['a memo of nothing', put(0), /PUT with nothing on the stack/],
    ['a global of numbers', [...int(1), ...int(2), ...op.stackGlobal], /STACK_GLOBAL of int and int/],
  ];
  it.each(cases)('%s', async (_, code, message) => {
    expect(await refused(code)).toMatch(message);
  });

  it('harmless parts of newer and older protocols are read', async () => {
    const set = [...op.emptySet, ...op.mark, ...int(1), ...op.addItems];
    const frozen = [...op.mark, ...int(1), ...op.frozenSet];
    const nothing = [
      ...op.mark,
      ...op.pop,
      ...op.mark,
      ...int(1),
      ...op.popMark,
      ...op.none,
      ...op.dup,
      ...op.pop,
    ];
    const classic = [...op.mark, ...text('k'), ...int(1), ...op.dict];
    const counter = call('collections', 'Counter', op.emptyDict);
    const encoded = call('_codecs', 'encode', text('abc'), text('latin1'));
    const pythonTwo = call('collections', 'OrderedDict', [
      ...op.emptyList,
      ...[...op.emptyList, ...op.mark, ...text('a'), ...good, ...op.appends],
      ...op.append,
    ]);
    const latin = [0x55, 2, 0xe9, 0x00];
    const file = pickle(
      dict({ set, frozen, nothing, classic, counter, encoded, latin, state_dict: pythonTwo }),
    );
    const read = await readStateDict(torchZip(file, { 0: four }));
    expect(read.get('a')!.data).toEqual(Float32Array.of(1, 2, 3, 4));
  });
});

describe('names', () => {
  it('of properties of objects are names like any other, and reach no prototype', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const entries = names.flatMap((name) => [...text(name), ...good]);
    const code = [...op.emptyDict, ...op.mark, ...entries, ...op.setItems];
    const read = await readStateDict(torchZip(pickle(code), { 0: four }));
    expect([...read.keys()]).toEqual(names);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as { dtype?: string }).dtype).toBeUndefined();
  });

  it('must be text: a tensor under a number is not lost silently', async () => {
    expect(await refused([...op.emptyDict, ...int(3), ...good, ...op.setItem])).toMatch(
      /under a key that is int/,
    );
  });
});
