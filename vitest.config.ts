import { defineConfig } from 'vitest/config';

// Native addons keep per-process state, so every test file gets a process of its own.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // So that what hangs is told; the longest tests take some seconds, and a minute on a machine that is busy.
    testTimeout: 180_000,
    hookTimeout: 240_000,
    reporters: ['default'],
    // What tests measure is not remembered in the home directory of who runs them.
    env: { FUSOR_CACHE_DIR: '' },
    projects: [
      {
        extends: true,
        test: {
          name: 'cpu',
          include: [
            'native/test/**/*.test.ts',
            'cuda/test/**/*.test.ts',
            'packages/*/test/**/*.test.ts',
            'examples/*/test/**/*.test.ts',
            'test/src/**/*.test.ts',
            'gpu/test/**/*.test.ts',
          ],
          exclude: ['test/src/gpu/**', 'gpu/test/cases.test.ts'],
        },
      },
      {
        // What operations compute, once more with the GPU's kernels on the emulator, every allocation as exact as can be.
        extends: true,
        test: {
          name: 'cuda-emulated',
          include: ['native/test/parity/**/*.test.ts', 'gpu/test/cases.test.ts'],
          env: { FUSOR_TEST_DEVICE: 'cuda-emulated' },
        },
      },
      // Whole networks, with memory that is kept, so that plans are replayed: as Hopper runs them ...
      {
        extends: true,
        test: {
          name: 'cuda-emulated sm_90a',
          include: ['test/src/gpu/**/*.test.ts'],
          env: { FUSOR_TEST_DEVICE: 'cuda-emulated', FUSOR_CUDA_EMULATED_CACHE: '1' },
        },
      },
      // ... and as cards before it do, threads and blocks in the opposite order.
      {
        extends: true,
        test: {
          name: 'cuda-emulated sm_80',
          include: ['test/src/gpu/**/*.test.ts', 'gpu/test/cases.test.ts'],
          env: {
            FUSOR_TEST_DEVICE: 'cuda-emulated',
            FUSOR_CUDA_EMULATED_CACHE: '1',
            FUSOR_CUDA_EMULATED_CAPABILITY: '80',
            FUSOR_CUDA_EMULATED_SCHEDULE: 'reverse',
          },
        },
      },
    ],
  },
});
