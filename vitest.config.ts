import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Each process that runs tests loads the packages anew: at least they need not be compiled each time.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(
  new URL('node_modules/.cache/hedgerow-tests', import.meta.url),
);

export default defineConfig({
  resolve: {
    // By its condition "development" Vite finds another copy of graphql than the packages that use it.
    alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }],
  },
  test: {
    // For two cores, the smallest machine that the suite must pass on: much of what tests do is to wait for one another's servers.
    maxWorkers: 4,
    globalSetup: ['test/support/databases-setup.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'rooms',
          include: ['src/**/*.test.ts'],
        },
      },
      { extends: true, test: { name: 'house', include: ['test/**/*.test.ts'] } },
    ],
    // Few processes run all files. Each in one of its own would load the whole program anew and run it cold, which takes
    // longer than most of them. So none may leave anything behind: no mock, no timer, no setting.
    isolate: false,
    // What is awaited comes in a moment, or on a busy machine later: only what never comes has failed.
    testTimeout: 180_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
