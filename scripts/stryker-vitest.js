/**
 * Stryker's runner for vitest, mended for vitest 5: it picks tests by names joined with spaces, which match nothing
 * there, so that no test is run and every mutant survives. Here all tests of the files that cover a mutant are run.
 */

import { vitestTestRunnerFactory } from '../node_modules/@stryker-mutator/vitest-runner/dist/src/vitest-test-runner.js';

function createRunner(injector) {
  const runner = vitestTestRunnerFactory(injector);
  const run = runner.run.bind(runner);
  runner.run = ({ testIds = [], ...rest } = {}) =>
    testIds.length === 0
      ? run(rest)
      : run({ ...rest, testFiles: [...new Set(testIds.map((id) => id.slice(0, id.indexOf('#'))))] });
  return runner;
}
createRunner.inject = vitestTestRunnerFactory.inject;

export const strykerPlugins = [{ kind: 'TestRunner', name: 'vitest-5', factory: createRunner }];
export { strykerValidationSchema } from '@stryker-mutator/vitest-runner';
