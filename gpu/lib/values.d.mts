import type { Spec } from './cases.mjs';
export function values(spec: Spec): Float32Array<ArrayBuffer>;
