// The file by which a program tells refuse.cpp, preloaded into it, what to refuse.

import { openSync, readSync, writeSync } from 'node:fs';

/** What became of the requests while something was to be refused. */
export interface Counts {
  readonly asked: number;
  readonly refused: number;
}

export class Refusals {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'r+');
  }

  /** From now on the `nth` request of the engine for memory fails (from 1), or that and all later ones. */
  arm(nth: number, onwards: boolean): void {
    // The count last: it is what arms.
    writeSync(this.#file, new BigInt64Array([onwards ? 1n : 0n, 0n, 0n]), 0, 24, 8);
    writeSync(this.#file, new BigInt64Array([BigInt(nth)]), 0, 8, 0);
  }

  disarm(): Counts {
    writeSync(this.#file, new BigInt64Array([0n]), 0, 8, 0);
    const counts = new BigInt64Array(2);
    readSync(this.#file, counts, 0, 16, 16);
    return { refused: Number(counts[0]), asked: Number(counts[1]) };
  }
}
