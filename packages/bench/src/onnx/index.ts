export type { OnnxAttribute, OnnxDimension, OnnxDType, OnnxGraphOptions } from './builder.ts';
export { OnnxGraphBuilder, onnxOpset } from './builder.ts';
export type { WriteOnnxOptions } from './write.ts';
export { writeOnnx } from './write.ts';
