/** More work waits than may wait: try again later. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
}

/** What a batcher does. */
export interface BatcherOptions<Input, Output> {
  /** Runs a batch; gives one output for each input, in order. Never called while a batch is under way. */
  readonly run: (inputs: readonly Input[]) => Promise<readonly Output[]>;
  /** The batch sizes that may be run, ascending; the first must be 1, so that what waits always fits. */
  readonly sizes: readonly number[];
  /** How many inputs may wait. */
  readonly maxWaiting: number;
}

interface Waiting<Input, Output> {
  readonly input: Input;
  readonly resolve: (output: Output) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Gathers single inputs into batches. An input that finds nothing under way runs at once, alone; those that come while a
 * batch runs wait and make up the next one. So nobody waits for a timer, and batches grow by themselves as the load does.
 */
export class Batcher<Input, Output> {
  readonly #options: BatcherOptions<Input, Output>;
  #waiting: Waiting<Input, Output>[] = [];
  #running: Promise<void> | undefined;

  constructor(options: BatcherOptions<Input, Output>) {
    if (options.sizes[0] !== 1)
      throw new RangeError(`sizes must begin with 1, got [${options.sizes.join(', ')}]`);
    this.#options = options;
  }

  /** How many inputs wait for the batch under way. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * The output for an input.
   * @param signal when aborted, an input that still waits is taken out and its promise rejects with the signal's reason
   * @throws (rejects) OverloadedError when `maxWaiting` wait already
   */
  submit(input: Input, signal?: AbortSignal): Promise<Output> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#waiting.length >= this.#options.maxWaiting) {
      return Promise.reject(new OverloadedError(`${this.#waiting.length} images wait already`));
    }
    return new Promise<Output>((resolve, reject) => {
      const entry: Waiting<Input, Output> = { input, resolve, reject };
      this.#waiting.push(entry);
      signal?.addEventListener('abort', () => this.#remove(entry, signal.reason), { once: true });
      this.#running ??= this.#drain();
    });
  }

  /** Resolves when nothing waits or runs. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #remove(entry: Waiting<Input, Output>, reason: unknown): void {
    const index = this.#waiting.indexOf(entry);
    if (index < 0) return; // it runs, or has run
    this.#waiting.splice(index, 1);
    entry.reject(reason);
  }

  async #drain(): Promise<void> {
    // Inputs of one turn of the event loop go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#size());
      try {
        const outputs = await this.#options.run(batch.map(({ input }) => input));
        for (const [index, { resolve }] of batch.entries()) resolve(outputs[index]!);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#running = undefined;
  }

  /** The largest allowed size of which there are enough inputs. */
  #size(): number {
    return this.#options.sizes.findLast((size) => size <= this.#waiting.length) ?? 1;
  }
}
