// Copies memory on a thread of its own, as fast as the C library does (TypedArray.set is memmove).
import { parentPort } from 'node:worker_threads';

export interface CopyRequest {
  /** Bytes of the source; the copy moves twice as many. */
  readonly bytes: number;
  readonly milliseconds: number;
}

const port = parentPort!;
let source = new Uint8Array(0);
let target = new Uint8Array(0);

/**
 * Large arrays begin at pages. Where source and target agree in the low 12 bits of their addresses the copy instruction
 * of some processors (Zen 3's `rep movsb`) takes twenty times as long: half a page and a line between them avoids it.
 */
const skew = 2048 + 64;

/** Long against the clock's resolution and the cost of asking it. */
const batchMilliseconds = 0.2;

function copies(count: number): number {
  const begin = performance.now();
  for (let index = 0; index < count; ++index) target.set(source);
  return performance.now() - begin;
}

port.on('message', ({ bytes, milliseconds }: CopyRequest) => {
  if (source.length !== bytes) {
    // Written to, so that every page is really there.
    source = new Uint8Array(bytes).fill(1);
    target = new Uint8Array(bytes + skew).fill(2).subarray(skew);
  }
  let batch = 1;
  while (copies(batch) < batchMilliseconds && batch < 1 << 20) batch *= 2;
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  do times.push(copies(batch) / batch);
  while (performance.now() < end);
  times.sort((a, b) => a - b);
  port.postMessage(times[times.length >> 1]);
});
