// Where things lie: in a checkout and in what pack.mjs made alike.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/** The CUDA backend: its sources, and in lib/ what is loaded. */
export const cudaFolder = dirname(createRequire(import.meta.url).resolve('@fusor/cuda/package.json'));
