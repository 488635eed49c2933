// Longest time to hold the event loop before other work gets a turn; its lag is promised to stay under 5 ms.
const TURN_MS = 2;

/** Lets long work on the main thread give the event loop its turns. */
export class Pacer {
  #since: number = performance.now();

  /** True when it is time to `await turn()`. */
  get due(): boolean {
    return performance.now() - this.#since >= TURN_MS;
  }

  /** Comes back when the event loop has been round. */
  async turn(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    this.#since = performance.now();
  }
}
