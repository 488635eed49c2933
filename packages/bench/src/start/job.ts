/** What a process is told to start: its only argument, as JSON. */
export interface StartJob {
  readonly model: string;
  /** Safetensors for Fusor, ONNX for onnxruntime. */
  readonly file: string;
  readonly shape: readonly number[];
  readonly threads: number;
}

/** What it says about itself: one line of JSON on its standard output, once it has the result. */
export interface StartReport {
  /** When each phase ended, in milliseconds since the epoch. */
  readonly ends: readonly { readonly name: string; readonly at: number }[];
  /** Greatest resident memory so far. */
  readonly peakBytes: number;
  readonly output: readonly number[];
}

export function readJob(): StartJob {
  return JSON.parse(process.argv[2]!) as StartJob;
}

/** Notes when phases end, and reports. */
export class Stopwatch {
  readonly #ends: { name: string; at: number }[] = [];

  end(name: string): void {
    this.#ends.push({ name, at: performance.timeOrigin + performance.now() });
  }

  report(output: Float32Array): void {
    const report: StartReport = {
      ends: this.#ends,
      peakBytes: process.resourceUsage().maxRSS * 1024,
      output: [...output],
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
}

/** The picture that both engines get: every pixel another number from -1 to 1, the same in every process. */
export function startImage(shape: readonly number[]): Float32Array<ArrayBuffer> {
  const image = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let index = 0; index < image.length; ++index) image[index] = ((index * 7919) % 2003) / 1001.5 - 1;
  return image;
}
