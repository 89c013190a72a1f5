/**
 * Stryker's runner for vitest, mended for vitest 5: it picks tests by names joined with spaces, which match nothing
 * there, so that no test is run and every mutant survives. Here the names match however suites and tests are joined.
 *
 * And it starts a thread for each mutant, which then loads all modules: most of the time of a mutant. Here one thread is
 * kept for all of them (stryker-thread.js). No mutant is active while a module is loaded (`ignoreStatic`), so that none
 * leaves one that is not as it was written.
 */

import { Worker } from 'node:worker_threads';
import { vitestTestRunnerFactory } from '../node_modules/@stryker-mutator/vitest-runner/dist/src/vitest-test-runner.js';

const POOL = 'kept-thread';

function createRunner(injector) {
  const runner = vitestTestRunnerFactory(injector);
  const init = runner.init.bind(runner);
  const run = runner.run.bind(runner);
  const dispose = runner.dispose.bind(runner);
  const mutantRun = runner.mutantRun.bind(runner);
  const kept = createKeptThread();
  let mutated = '';

  runner.init = async () => {
    await init();
    const { cache, config } = runner.ctx;
    const duration = (file) => cache.getTestSpecificationResult(file)?.duration ?? 0;
    // A mutant is done with as soon as one test fails: most likely one of the file beside it, else a quick one.
    config.sequence.sequencer = class {
      shard = async (files) => files;
      sort = async (files) =>
        files.toSorted((a, b) => {
          const own = (file) => (file.moduleId === mutated.replace(/\.ts$/, '.test.ts') ? 0 : 1);
          return own(a) - own(b) || duration(a) - duration(b);
        });
    };
    for (const { config } of runner.ctx.projects) {
      config.pool = POOL;
      config.poolRunner = { name: POOL, createPoolWorker: kept.worker };
    }
  };
  runner.run = async ({ testIds = [], ...rest } = {}) => {
    const tests = testIds.map((id) => ({
      file: id.slice(0, id.indexOf('#')),
      name: id.slice(id.indexOf('#') + 1),
    }));
    const only = tests.length === 0 ? '' : `^(?:${tests.map(({ name }) => patternOf(name)).join('|')})$`;
    runner.ctx.provide('only', only);
    const files = [...new Set(tests.map(({ file }) => file))];
    return run(files.length === 0 ? rest : { ...rest, testFiles: files });
  };
  runner.mutantRun = (options) => {
    mutated = options.sandboxFileName;
    return mutantRun(options);
  };
  runner.dispose = async () => {
    await dispose();
    await kept.end();
  };
  return runner;
}
createRunner.inject = vitestTestRunnerFactory.inject;

function patternOf(name) {
  return name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(' ', '(?: > | )');
}

/** Workers for the pool of vitest, which begin and end with each run, before one thread that does not. */
function createKeptThread() {
  let thread;
  let started = false;

  const worker = ({ env, execArgv }) => {
    let listeners = [];
    const answer = (type) => {
      for (const [event, listener] of listeners) {
        if (event === 'message') queueMicrotask(() => listener({ type, __vitest_worker_response__: true }));
      }
    };
    return {
      name: POOL,
      start: async () => {
        if (thread !== undefined) return;
        const begun = new Worker(new URL('./stryker-thread.js', import.meta.url), { env, execArgv });
        begun.once('exit', () => {
          if (thread !== begun) return;
          thread = undefined;
          started = false;
        });
        thread = begun;
      },
      on: (event, listener) => {
        thread?.on(event, listener);
        listeners.push([event, listener]);
      },
      off: (event, listener) => {
        thread?.off(event, listener);
        listeners = listeners.filter(([of, each]) => of !== event || each !== listener);
      },
      send: (message) => {
        if (message.type === 'stop') return answer('stopped');
        if (message.type === 'start' && started) return answer('started');
        if (message.type === 'start') started = true;
        thread?.postMessage(message);
      },
      stop: async () => {
        for (const [event, listener] of listeners.splice(0)) thread?.off(event, listener);
      },
      deserialize: (data) => data,
    };
  };
  return {
    worker,
    end: async () => {
      await thread?.terminate();
    },
  };
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'vitest-5', factory: createRunner }];
export { strykerValidationSchema } from '@stryker-mutator/vitest-runner';
