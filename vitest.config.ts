import { defineConfig } from 'vitest/config';

// Native addons keep per-process state, so every test file gets a process of its own.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
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
          ],
        },
      },
      {
        // What operations compute, once more with the GPU's kernels on the emulator.
        extends: true,
        test: {
          name: 'cuda-emulated',
          include: ['native/test/parity/**/*.test.ts'],
          env: { FUSOR_TEST_DEVICE: 'cuda-emulated' },
        },
      },
    ],
  },
});
