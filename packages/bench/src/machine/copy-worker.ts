// Copies and reads memory on a thread of its own, as fast as the C library does: TypedArray.set is memmove, and
// Buffer.equals of two equal buffers is memcmp, which reads both to their ends.
import { parentPort } from 'node:worker_threads';

/** Copying reads `bytes` and writes `bytes`; reading reads two arrays of `bytes`. Both move twice as many. */
export type Traffic = 'copy' | 'read';

export interface CopyRequest {
  readonly traffic: Traffic;
  readonly bytes: number;
  readonly milliseconds: number;
}

const port = parentPort!;
let source = Buffer.alloc(0);
let target = Buffer.alloc(0);

/**
 * Large arrays begin at pages. Where source and target agree in the low 12 bits of their addresses the copy instruction
 * of some processors (Zen 3's `rep movsb`) takes twenty times as long: half a page and a line between them avoids it.
 */
const skew = 2048 + 64;

/** Long against the clock's resolution and the cost of asking it. */
const batchMilliseconds = 0.2;

function passes(traffic: Traffic, count: number): number {
  const begin = performance.now();
  if (traffic === 'copy') for (let index = 0; index < count; ++index) target.set(source);
  else {
    let same = 0;
    for (let index = 0; index < count; ++index) same += Number(target.equals(source));
    if (same !== count) throw new Error('the buffers differ: they were not read to their ends');
  }
  return performance.now() - begin;
}

port.on('message', ({ traffic, bytes, milliseconds }: CopyRequest) => {
  if (source.length !== bytes) {
    // Written to, so that every page is really there; equal, so that reading does not stop early.
    source = Buffer.from(new ArrayBuffer(bytes)).fill(1);
    target = Buffer.from(new ArrayBuffer(bytes + skew))
      .fill(1)
      .subarray(skew);
  }
  let batch = 1;
  while (passes(traffic, batch) < batchMilliseconds && batch < 1 << 20) batch *= 2;
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  do times.push(passes(traffic, batch) / batch);
  while (performance.now() < end);
  times.sort((a, b) => a - b);
  port.postMessage(times[times.length >> 1]);
});
