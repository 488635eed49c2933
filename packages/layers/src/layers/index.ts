/** The layers, one file for each family. */
export * from './activation.ts';
export * from './adaptive-pooling.ts';
export * from './attention.ts';
export * from './batch-norm.ts';
export * from './container.ts';
export * from './convolution.ts';
export * from './dropout.ts';
export * from './embedding.ts';
export * from './group-norm.ts';
export * from './identity.ts';
export * from './layer-norm.ts';
export * from './linear.ts';
export * from './padding.ts';
export * from './pooling.ts';
export * from './shape.ts';
