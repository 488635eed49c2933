import { setImmediate as nextTurn } from 'node:timers/promises';

// A slice ends after two milliseconds: short enough that a server's other requests do not notice, long enough that
// going round the event loop (some microseconds) costs nothing. The clock is read once per row; a row of the widest
// photo takes a few tenths of a millisecond.
const sliceMilliseconds = 2;

/** Calls `row(first)` … `row(end - 1)` in order, letting the event loop run in between. */
export async function forEachRow(first: number, end: number, row: (index: number) => void): Promise<void> {
  let sliceEnd = performance.now() + sliceMilliseconds;
  for (let index = first; index < end; index++) {
    row(index);
    if (performance.now() >= sliceEnd && index + 1 < end) {
      await nextTurn();
      sliceEnd = performance.now() + sliceMilliseconds;
    }
  }
}
