import { ArgumentError } from '@fusor/errors';

/** A convolution without its batch. */
export interface ConvolutionShape {
  readonly c: number;
  readonly k: number;
  readonly h: number;
  readonly w: number;
  readonly r: number;
  readonly s: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
  readonly residual: boolean;
  readonly relu: boolean;
}

/** `c64 k64 56x56 3x3 s2 p1 d1 g1 +residual +relu`; stride 1, padding 0, dilation 1 and groups 1 are left out. */
export function formatConvolution(shape: ConvolutionShape): string {
  const { c, k, h, w, r, s, stride, padding, dilation, groups, residual, relu } = shape;
  return [
    `c${c}`,
    `k${k}`,
    `${h}x${w}`,
    `${r}x${s}`,
    stride === 1 ? '' : `s${stride}`,
    padding === 0 ? '' : `p${padding}`,
    dilation === 1 ? '' : `d${dilation}`,
    groups === 1 ? '' : `g${groups}`,
    residual ? '+residual' : '',
    relu ? '+relu' : '',
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/**
 * Reads the notation of {@link formatConvolution}, parts in any order but the image before the kernel.
 * @throws ArgumentError naming the part that is wrong
 */
export function parseConvolution(text: string): ConvolutionShape {
  const numbers: Record<string, number> = {};
  const pairs: [number, number][] = [];
  const flags = new Set<string>();
  for (const part of text.trim().split(/[\s,]+/)) {
    const letter = /^([ckspdg])(\d{1,5})$/.exec(part);
    const pair = /^(\d{1,5})x(\d{1,5})$/.exec(part);
    if (letter !== null) numbers[letter[1]!] = Number(letter[2]);
    else if (pair !== null && pairs.length < 2) pairs.push([Number(pair[1]), Number(pair[2])]);
    else if (part === '+residual' || part === '+relu') flags.add(part);
    else throw wrong(text, `'${part}' is not a part of it`);
  }
  const [image, kernel] = pairs;
  const { c, k } = numbers;
  if (c === undefined || k === undefined || image === undefined || kernel === undefined) {
    throw wrong(text, 'it needs c, k, an image and a kernel');
  }
  const shape = {
    c,
    k,
    h: image[0],
    w: image[1],
    r: kernel[0],
    s: kernel[1],
    stride: numbers.s ?? 1,
    padding: numbers.p ?? 0,
    dilation: numbers.d ?? 1,
    groups: numbers.g ?? 1,
    residual: flags.has('+residual'),
    relu: flags.has('+relu'),
  };
  if ([c, k, ...image, ...kernel, shape.stride, shape.dilation, shape.groups].some((value) => value < 1)) {
    throw wrong(text, 'sizes must be at least 1');
  }
  if (c % shape.groups !== 0 || k % shape.groups !== 0) throw wrong(text, 'c and k must be multiples of g');
  const [p, q] = outputSize(shape);
  if (p < 1 || q < 1) throw wrong(text, 'the kernel is larger than the padded image');
  return shape;
}

function wrong(text: string, complaint: string): ArgumentError {
  return new ArgumentError(
    `--shape '${text}': ${complaint}; a convolution is written like 'c64 k64 56x56 3x3 s1 p1 +residual +relu'`,
  );
}

export function outputSize({ h, w, r, s, stride, padding, dilation }: ConvolutionShape): [number, number] {
  const size = (image: number, kernel: number) =>
    Math.floor((image + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
  return [size(h, r), size(w, s)];
}
