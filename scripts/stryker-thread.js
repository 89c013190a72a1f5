/** The thread in which the tests of all mutants run. What it has loaded stays, but for the files of tests. */

import { parentPort } from 'node:worker_threads';
import { init, runBaseTests, setupEnvironment } from 'vitest/worker';

async function runTests(method, state, traces) {
  const { globalNamespace, only } = state.providedContext;
  // What a file of tests does while it is read is done by the code as it is, not by the mutant before.
  if (globalThis[globalNamespace] !== undefined) globalThis[globalNamespace].activeMutant = undefined;
  // The configuration is that of the first run.
  state.config.testNamePattern = only === '' ? undefined : new RegExp(only);
  await runBaseTests(method, state, traces);
}

init({
  post: (response) => parentPort.postMessage(response),
  on: (listener) => parentPort.on('message', listener),
  off: (listener) => parentPort.off('message', listener),
  setup: setupEnvironment,
  runTests: (state, traces) => runTests('run', state, traces),
  collectTests: (state, traces) => runTests('collect', state, traces),
});
