import { refuse } from '../refuse.ts';

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MAX_DEPTH = 64;

/**
 * A strict JSON reader over bytes that hands out one token at a time, so that a header of many megabytes can be
 * read in short turns and so that duplicate keys are seen (`JSON.parse` keeps the last one silently).
 */
export class JsonCursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next character that is not white space, without taking it; '' at the end. */
  peek(): string {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) return '';
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return String.fromCharCode(byte);
      this.#at++;
    }
  }

  /** Takes one character of punctuation. */
  expect(character: string, where: string): void {
    const found = this.peek();
    if (found !== character) this.#wrong(`'${character}'`, where);
    this.#at++;
  }

  /** Takes the character if it comes next. */
  accept(character: string): boolean {
    if (this.peek() !== character) return false;
    this.#at++;
    return true;
  }

  /** Takes a string. */
  string(where: string): string {
    if (this.peek() !== '"') this.#wrong('a string', where);
    const start = this.#at + 1;
    let escaped = false;
    for (let at = start; ; at++) {
      const byte = this.#bytes[at];
      if (byte === undefined) return this.#wrong("'\"'", where, at);
      if (byte < 0x20) return this.#wrong('no raw control character', where, at);
      if (byte === BACKSLASH) {
        escaped = true;
        at++;
      } else if (byte === QUOTE) {
        this.#at = at + 1;
        return escaped
          ? this.#unescape(this.#bytes.subarray(start - 1, at + 1), where)
          : this.#decode(this.#bytes.subarray(start, at), where);
      }
    }
  }

  /** Takes a whole number that is not negative: digits only, and below 2^53. */
  natural(where: string): number {
    this.peek();
    const start = this.#at;
    let value = 0;
    for (;;) {
      const digit = (this.#bytes[this.#at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      if (value > Number.MAX_SAFE_INTEGER) return refuse(`header: ${where} overflows`);
      this.#at++;
    }
    const digits = this.#at - start;
    if (digits === 0 || (digits > 1 && this.#bytes[start] === 0x30)) {
      this.#wrong('a whole number', where, start);
    }
    if ('.eE+-'.includes(String.fromCharCode(this.#bytes[this.#at] ?? 0x20)))
      this.#wrong('a whole number', where);
    return value;
  }

  /** Takes the members of an object, giving each key to `member`, which takes the value. */
  object(where: string, member: (key: string) => void): void {
    this.expect('{', where);
    if (this.accept('}')) return;
    do {
      const key = this.string(where);
      this.expect(':', where);
      member(key);
    } while (this.accept(','));
    this.expect('}', where);
  }

  /** Takes the elements of an array, calling `element` before each. */
  array(where: string, element: () => void): void {
    this.expect('[', where);
    if (this.accept(']')) return;
    do element();
    while (this.accept(','));
    this.expect(']', where);
  }

  /** Takes any value and forgets it. */
  skip(where: string, depth = 0): void {
    if (depth > MAX_DEPTH) refuse(`header: ${where} is nested more than ${MAX_DEPTH} deep`);
    const next = this.peek();
    if (next === '{') this.object(where, () => this.skip(where, depth + 1));
    else if (next === '[') this.array(where, () => this.skip(where, depth + 1));
    else if (next === '"') this.string(where);
    else this.#literal(where);
  }

  /** Takes `null` if it comes next. */
  acceptNull(): boolean {
    if (this.peek() !== 'n') return false;
    this.#literal('null');
    return true;
  }

  /** Only white space may be left. */
  end(): void {
    if (this.peek() !== '') this.#wrong('nothing more', 'the header');
  }

  #literal(where: string): void {
    const start = this.#at;
    while (/[-+.0-9A-Za-z]/.test(String.fromCharCode(this.#bytes[this.#at] ?? 0x20))) this.#at++;
    const text = this.#decode(this.#bytes.subarray(start, this.#at), where);
    if (!/^(?:null|true|false|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?)$/.test(text)) {
      this.#wrong('a value', where, start);
    }
  }

  #decode(bytes: Uint8Array, where: string): string {
    try {
      return DECODER.decode(bytes);
    } catch {
      return refuse(`header: ${where} is not UTF-8`);
    }
  }

  #unescape(quotedBytes: Uint8Array, where: string): string {
    let text: unknown;
    try {
      text = JSON.parse(this.#decode(quotedBytes, where));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    // \p{Surrogate} with the u flag is a surrogate without its partner, which no UTF-8 string can hold.
    if (typeof text !== 'string' || /\p{Surrogate}/u.test(text)) refuse(`header: ${where} has a bad escape`);
    return text;
  }

  #wrong(expected: string, where: string, at = this.#at): never {
    const byte = this.#bytes[at];
    const found = byte === undefined ? 'the end' : JSON.stringify(String.fromCharCode(byte));
    return refuse(`header, byte ${at}: ${where}: expected ${expected} but found ${found}`);
  }
}
