// TensorFlow.js, as far as it is used here. Types of our own, because the package is optional.

export interface TfTensor {
  readonly shape: readonly number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Pair = readonly [number, number];
/** Top and bottom, left and right, with nothing at batch and channels. */
export type ExplicitPadding = readonly [Pair, Pair, Pair, Pair];

export interface Tfjs {
  readonly version_core: string;
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  env(): { getAsync(flag: string): Promise<boolean | number> };
  tidy<T>(work: () => T): T;
  keep(tensor: TfTensor): TfTensor;
  tensor(data: Float32Array, shape: readonly number[]): TfTensor;
  transpose(x: TfTensor, permutation: readonly number[]): TfTensor;
  reshape(x: TfTensor, shape: readonly number[]): TfTensor;
  add(a: TfTensor, b: TfTensor): TfTensor;
  relu(x: TfTensor): TfTensor;
  mean(x: TfTensor, axes: readonly number[], keepDims: boolean): TfTensor;
  maxPool(x: TfTensor, kernel: Pair, strides: Pair, padding: ExplicitPadding): TfTensor;
  pad(x: TfTensor, paddings: readonly Pair[], value?: number): TfTensor;
  stridedSlice(
    x: TfTensor,
    begin: readonly number[],
    end: readonly number[],
    strides: readonly number[],
  ): TfTensor;
  readonly fused: {
    conv2d(options: {
      readonly x: TfTensor;
      readonly filter: TfTensor;
      readonly strides: Pair;
      readonly pad: ExplicitPadding;
      readonly dataFormat: 'NHWC';
      readonly dilations: Pair;
      readonly bias?: TfTensor;
      readonly activation: 'linear' | 'relu';
    }): TfTensor;
    matMul(options: {
      readonly a: TfTensor;
      readonly b: TfTensor;
      readonly transposeB: boolean;
      readonly bias?: TfTensor;
      readonly activation: 'linear' | 'relu';
    }): TfTensor;
  };
}
