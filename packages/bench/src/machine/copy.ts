import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { CopyRequest, Traffic } from './copy-worker.ts';

/** Threads that copy memory, side by side: the yardstick of everything that is bound by memory. */
export class CopyPool {
  readonly #workers: readonly Worker[];

  constructor(threads: number) {
    this.#workers = Array.from(
      { length: threads },
      () => new Worker(new URL('./copy-worker.js', import.meta.url)),
    );
  }

  /**
   * Milliseconds to move `bytes` in all, each thread its part, again and again for `milliseconds`; the median of the
   * repetitions. Copying reads one half of them and writes the other.
   */
  async measure(bytes: number, milliseconds: number, traffic: Traffic = 'copy'): Promise<number> {
    const part = Math.max(1, Math.round(bytes / 2 / this.#workers.length));
    const request: CopyRequest = { traffic, bytes: part, milliseconds };
    const times = await Promise.all(
      this.#workers.map(async (worker) => {
        worker.postMessage(request);
        const [time] = (await once(worker, 'message')) as [number];
        return time;
      }),
    );
    const bytesPerMillisecond = times.reduce((sum, time) => sum + (2 * part) / time, 0);
    return bytes / bytesPerMillisecond;
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
