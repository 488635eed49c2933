import { clearLine, cursorTo } from 'node:readline';
import type { WriteStream } from 'node:tty';
import { Presets, SingleBar } from 'cli-progress';

/** A stream that may be a terminal, such as `process.stderr`. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** A progress bar with images per second and the time left; on anything but a terminal it writes nothing. */
export class Progress {
  readonly #stream: Output;
  readonly #bar: SingleBar | undefined;
  readonly #started = performance.now();
  #done = 0;

  constructor(stream: Output, total: number) {
    this.#stream = stream;
    // One image is done before a bar can be read.
    if (stream.isTTY !== true || total < 2) return;
    this.#bar = new SingleBar(
      {
        stream,
        format: ' {bar} {value}/{total} images | {rate} images/s | {eta_formatted} left',
        clearOnComplete: true,
        forceRedraw: true,
        hideCursor: true,
        gracefulExit: true,
        etaBuffer: 100,
      },
      Presets.shades_classic,
    );
    this.#bar.start(total, 0, { rate: '-' });
  }

  /** Images done per second since the start. */
  get rate(): number {
    const seconds = (performance.now() - this.#started) / 1000;
    return seconds > 0 ? this.#done / seconds : 0;
  }

  /** One image more is done. */
  advance(): void {
    this.#done++;
    this.#bar?.update(this.#done, { rate: this.rate.toFixed(1) });
  }

  /** Takes the bar off its line, so that text can be written; it comes back by itself. */
  clear(): void {
    if (this.#bar === undefined) return;
    clearLine(this.#stream as WriteStream, 0);
    cursorTo(this.#stream as WriteStream, 0);
  }

  /** Removes the bar. */
  stop(): void {
    this.#bar?.stop();
  }
}
