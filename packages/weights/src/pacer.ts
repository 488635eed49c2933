// Longest time to hold the event loop before other work gets a turn. The whole house promises a lag under 5 ms at
// the 99th percentile; what runs between two looks at the clock here stays under 2 ms itself.
const TURN_MS = 2;

/** Lets long work on the main thread give the event loop its turns. */
export class Pacer {
  #since: number = performance.now();

  /** True when it is time to `await turn()`. */
  get due(): boolean {
    return performance.now() - this.#since >= TURN_MS;
  }

  /** To be told when the event loop has been round anyway, as it has after real input. */
  rested(): void {
    this.#since = performance.now();
  }

  /** Comes back when the event loop has been round. */
  async turn(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    this.rested();
  }
}
