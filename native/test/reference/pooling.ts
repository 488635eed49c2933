import { generate, type NdArray } from './array.ts';

export interface PoolingOptions {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
}

/** PyTorch's output size: in ceil mode a window must start inside the input or the padding before it. */
function outputSize(
  size: number,
  before: number,
  after: number,
  kernel: number,
  stride: number,
  dilation: number,
  ceil: boolean,
): number {
  const span = size + before + after - dilation * (kernel - 1) - 1;
  let count = (ceil ? Math.ceil(span / stride) : Math.floor(span / stride)) + 1;
  if (ceil && (count - 1) * stride >= size + before) count -= 1;
  return count;
}

export function pool2d(x: NdArray, kind: 'max' | 'avg', options: PoolingOptions): NdArray {
  const { kernel, stride, padding, dilation, ceilMode, countIncludePad } = options;
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const p = outputSize(h, padding[0], padding[1], kernel[0], stride[0], dilation[0], ceilMode);
  const q = outputSize(w, padding[2], padding[3], kernel[1], stride[1], dilation[1], ceilMode);
  return generate([n, c, p, q], ([image, channel, row, column]) => {
    let greatest = Number.NEGATIVE_INFINITY;
    let sum = 0;
    let inside = 0;
    let padded = 0;
    for (let y = 0; y < kernel[0]; y++) {
      for (let z = 0; z < kernel[1]; z++) {
        const i = row! * stride[0] + y * dilation[0] - padding[0];
        const j = column! * stride[1] + z * dilation[1] - padding[2];
        // Windows that hang out beyond the padding (ceil mode) do not count what is there.
        if (i < h + padding[1] && j < w + padding[3]) padded += 1;
        if (i < 0 || i >= h || j < 0 || j >= w) continue;
        const value = x.data[((image! * c + channel!) * h + i) * w + j]!;
        greatest = Number.isNaN(value) || Number.isNaN(greatest) ? Number.NaN : Math.max(greatest, value);
        sum += value;
        inside += 1;
      }
    }
    return kind === 'max' ? greatest : sum / (countIncludePad ? padded : inside);
  });
}

export function adaptivePool2d(x: NdArray, kind: 'max' | 'avg', size: readonly [number, number]): NdArray {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  return generate([n, c, ...size], ([image, channel, row, column]) => {
    const values: number[] = [];
    for (let i = Math.floor((row! * h) / size[0]); i < Math.ceil(((row! + 1) * h) / size[0]); i++) {
      for (let j = Math.floor((column! * w) / size[1]); j < Math.ceil(((column! + 1) * w) / size[1]); j++) {
        values.push(x.data[((image! * c + channel!) * h + i) * w + j]!);
      }
    }
    return kind === 'max' ? Math.max(...values) : values.reduce((a, b) => a + b, 0) / values.length;
  });
}
