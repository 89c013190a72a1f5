/** The tests of what is mutated, on SQLite alone: for each mutant they run again. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: process.env['MUTATION_TESTS']?.split(' ') ?? [
      'src/access/**/*.test.ts',
      'src/federation/identity/**/*.test.ts',
      'src/delivery/ranges.test.ts',
    ],
    // Thousands of messages before another implementation, and everything at once on both databases: slow, and each file
    // has tests of its own.
    exclude: process.env['MUTATION_TESTS'] ? [] : ['**/signatures-judge.test.ts', '**/access.test.ts'],
    globalSetup: ['test/support/databases-setup.ts'],
    env: { TEST_DIALECTS: 'sqlite' },
    // One worker for all mutants: to load the modules anew for each would be most of its cost.
    isolate: false,
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
