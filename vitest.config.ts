import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores are the smallest machine the suite must pass on.
    maxWorkers: 2,
    globalSetup: ['test/support/postgres-setup.ts'],
  },
});
