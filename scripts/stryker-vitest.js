/**
 * Stryker's runner for vitest, mended for vitest 5: it picks tests by names joined with spaces, which match nothing
 * there, so that no test is run and every mutant survives. Here the names match however suites and tests are joined.
 */

import { vitestTestRunnerFactory } from '../node_modules/@stryker-mutator/vitest-runner/dist/src/vitest-test-runner.js';

function createRunner(injector) {
  const runner = vitestTestRunnerFactory(injector);
  const run = runner.run.bind(runner);
  runner.run = async ({ testIds = [], ...rest } = {}) => {
    if (testIds.length === 0) return run(rest);
    const tests = testIds.map((id) => ({
      file: id.slice(0, id.indexOf('#')),
      name: id.slice(id.indexOf('#') + 1),
    }));
    const pattern = new RegExp(`^(?:${tests.map(({ name }) => patternOf(name)).join('|')})$`);
    const { ctx } = runner;
    const { start } = ctx;
    // The runner clears the pattern before it starts.
    ctx.start = (files) => {
      for (const project of ctx.projects) project.config.testNamePattern = pattern;
      return start.call(ctx, files);
    };
    try {
      return await run({ ...rest, testFiles: [...new Set(tests.map(({ file }) => file))] });
    } finally {
      ctx.start = start;
    }
  };
  return runner;
}
createRunner.inject = vitestTestRunnerFactory.inject;

function patternOf(name) {
  return name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(' ', '(?: > | )');
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'vitest-5', factory: createRunner }];
export { strykerValidationSchema } from '@stryker-mutator/vitest-runner';
