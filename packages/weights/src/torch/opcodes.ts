// The opcodes of pickle protocols 0 to 5 by name, from Python's pickletools. Those that PyTorch writes are read; the
// others have their names here so that they can be refused by it.

export const PROTO = 0x80;
export const FRAME = 0x95;
export const STOP = 0x2e;
export const MARK = 0x28;
export const POP = 0x30;
export const POP_MARK = 0x31;
export const DUP = 0x32;
export const NONE = 0x4e;
export const NEWTRUE = 0x88;
export const NEWFALSE = 0x89;
export const BININT = 0x4a;
export const BININT1 = 0x4b;
export const BININT2 = 0x4d;
export const LONG1 = 0x8a;
export const LONG4 = 0x8b;
export const BINFLOAT = 0x47;
export const SHORT_BINSTRING = 0x55;
export const BINSTRING = 0x54;
export const SHORT_BINUNICODE = 0x8c;
export const BINUNICODE = 0x58;
export const BINUNICODE8 = 0x8d;
export const SHORT_BINBYTES = 0x43;
export const BINBYTES = 0x42;
export const BINBYTES8 = 0x8e;
export const BYTEARRAY8 = 0x96;
export const EMPTY_TUPLE = 0x29;
export const TUPLE = 0x74;
export const TUPLE1 = 0x85;
export const TUPLE2 = 0x86;
export const TUPLE3 = 0x87;
export const EMPTY_LIST = 0x5d;
export const APPEND = 0x61;
export const APPENDS = 0x65;
export const LIST = 0x6c;
export const EMPTY_DICT = 0x7d;
export const SETITEM = 0x73;
export const SETITEMS = 0x75;
export const DICT = 0x64;
export const EMPTY_SET = 0x8f;
export const ADDITEMS = 0x90;
export const FROZENSET = 0x91;
export const BINGET = 0x68;
export const LONG_BINGET = 0x6a;
export const BINPUT = 0x71;
export const LONG_BINPUT = 0x72;
export const MEMOIZE = 0x94;
export const GLOBAL = 0x63;
export const STACK_GLOBAL = 0x93;
export const REDUCE = 0x52;
export const BUILD = 0x62;
export const BINPERSID = 0x51;

const REFUSED = new Map<number, string>([
  [0x46, 'FLOAT'],
  [0x49, 'INT'],
  [0x4c, 'LONG'],
  [0x50, 'PERSID'],
  [0x53, 'STRING'],
  [0x56, 'UNICODE'],
  [0x67, 'GET'],
  [0x69, 'INST'],
  [0x6f, 'OBJ'],
  [0x70, 'PUT'],
  [0x81, 'NEWOBJ'],
  [0x82, 'EXT1'],
  [0x83, 'EXT2'],
  [0x84, 'EXT4'],
  [0x92, 'NEWOBJ_EX'],
  [0x97, 'NEXT_BUFFER'],
  [0x98, 'READONLY_BUFFER'],
]);

/** What a message calls an opcode that is not read. */
export function refusedName(opcode: number): string {
  return REFUSED.get(opcode) ?? `0x${opcode.toString(16).padStart(2, '0')}`;
}

/**
 * Bytes that follow an opcode in any case. Where these are a length, more follow: see {@link payloadOf}.
 */
export function operandBytes(opcode: number): number {
  switch (opcode) {
    case PROTO:
    case BININT1:
    case LONG1:
    case SHORT_BINSTRING:
    case SHORT_BINUNICODE:
    case SHORT_BINBYTES:
    case BINGET:
    case BINPUT:
      return 1;
    case BININT2:
      return 2;
    case BININT:
    case LONG4:
    case BINSTRING:
    case BINUNICODE:
    case BINBYTES:
    case LONG_BINGET:
    case LONG_BINPUT:
      return 4;
    case BINFLOAT:
    case FRAME:
    case BINUNICODE8:
    case BINBYTES8:
    case BYTEARRAY8:
      return 8;
    default:
      return 0;
  }
}

/** What the length after an opcode counts: characters to keep, an integer's bytes, or bytes to pass over. */
export function payloadOf(opcode: number): 'text' | 'integer' | 'bytes' | undefined {
  switch (opcode) {
    case SHORT_BINSTRING:
    case BINSTRING:
    case SHORT_BINUNICODE:
    case BINUNICODE:
    case BINUNICODE8:
      return 'text';
    case LONG1:
    case LONG4:
      return 'integer';
    case SHORT_BINBYTES:
    case BINBYTES:
    case BINBYTES8:
    case BYTEARRAY8:
      return 'bytes';
    default:
      return undefined;
  }
}
