import { at, broadcastShape, generate, type NdArray } from './array.ts';

export interface ConvolutionOptions {
  readonly bias?: NdArray;
  readonly residual?: NdArray;
  readonly stride?: readonly [number, number];
  /** top, bottom, left, right */
  readonly padding?: readonly [number, number, number, number];
  readonly dilation?: readonly [number, number];
  readonly groups?: number;
}

export function conv2d(x: NdArray, weight: NdArray, options: ConvolutionOptions = {}): NdArray {
  const { stride = [1, 1], padding = [0, 0, 0, 0], dilation = [1, 1], groups = 1 } = options;
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const [k, cg, r, s] = weight.shape as [number, number, number, number];
  const kg = k / groups;
  const p = Math.floor((h + padding[0] + padding[1] - dilation[0] * (r - 1) - 1) / stride[0]) + 1;
  const q = Math.floor((w + padding[2] + padding[3] - dilation[1] * (s - 1) - 1) / stride[1]) + 1;
  return generate([n, k, p, q], ([image, channel, row, column]) => {
    const group = Math.floor(channel! / kg);
    let sum = options.bias?.data[channel!] ?? 0;
    for (let i = 0; i < cg; i++) {
      for (let y = 0; y < r; y++) {
        const sourceRow = row! * stride[0] + y * dilation[0] - padding[0];
        if (sourceRow < 0 || sourceRow >= h) continue;
        for (let z = 0; z < s; z++) {
          const sourceColumn = column! * stride[1] + z * dilation[1] - padding[2];
          if (sourceColumn < 0 || sourceColumn >= w) continue;
          sum +=
            x.data[((image! * c + group * cg + i) * h + sourceRow) * w + sourceColumn]! *
            weight.data[((channel! * cg + i) * r + y) * s + z]!;
        }
      }
    }
    return sum + (options.residual?.data[((image! * k + channel!) * p + row!) * q + column!] ?? 0);
  });
}

/** `[..., m, k] @ [..., k, n]`, ranks of 2 at least. */
export function matmul(a: NdArray, b: NdArray): NdArray {
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape.at(-1)!;
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return generate([...batch, m, n], (index) => {
    const lead = index.slice(0, -2);
    const [row, column] = index.slice(-2) as [number, number];
    let sum = 0;
    for (let i = 0; i < k; i++) sum += atMatrix(a, lead, row, i) * atMatrix(b, lead, i, column);
    return sum;
  });
}

// As `at`, but the matrix dimensions do not broadcast.
function atMatrix(array: NdArray, lead: readonly number[], row: number, column: number): number {
  const [rows, columns] = array.shape.slice(-2) as [number, number];
  const outer = { shape: array.shape.slice(0, -2), data: new Float64Array() };
  const strides = outer.shape.map((_, dim) => outer.shape.slice(dim + 1).reduce((a, b) => a * b, 1));
  const extra = lead.length - outer.shape.length;
  const matrix = outer.shape.reduce(
    (sum, extent, dim) => sum + (extent === 1 ? 0 : lead[dim + extra]!) * strides[dim]!,
    0,
  );
  return array.data[(matrix * rows + row) * columns + column]!;
}

export function linear(x: NdArray, weight: NdArray, bias?: NdArray, residual?: NdArray): NdArray {
  const [o, i] = weight.shape as [number, number];
  return generate([...x.shape.slice(0, -1), o], (index) => {
    const column = index.at(-1)!;
    let sum = bias?.data[column] ?? 0;
    for (let k = 0; k < i; k++) sum += at(x, [...index.slice(0, -1), k]) * weight.data[column * i + k]!;
    return sum + (residual === undefined ? 0 : at(residual, index));
  });
}
