/**
 * Exactly the shared set: a server and a puller, any changes of items, albums, tags and the grant, faults on the wire,
 * either side ended at any statement or put back to a backup. Nothing outside the grant of its moment is ever sent, no
 * pull that comes to its end disagrees, and once the faults stop both sides agree item by item and by checksum.
 *
 * The short form runs with all tests. The long one: `npm run test:model`, or with settings of its own,
 *   SHARED_SET_RUNS=2000 SHARED_SET_SEED=7 npx vitest run test/shared-set.test.ts
 * A failure prints its steps as JSON: they go into test/fixtures/shared-set-cases.json, and stay.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DIALECTS } from './support/databases.ts';
import { type Step, steps } from './support/shared-set/steps.ts';
import { FAULTS } from './support/shared-set/wire.ts';
import { createWorld, type World } from './support/shared-set/world.ts';

const SHORT = { sqlite: 150, postgresql: 6 };
const LONG = Number(process.env['SHARED_SET_RUNS'] ?? 0);
/** Always the same in the short form; the long one is for finding what nobody has seen yet. */
const SEED = Number(process.env['SHARED_SET_SEED'] ?? (LONG > 0 ? Date.now() % 2 ** 31 : 20_261_125));

/** Lists of steps that once went wrong. */
const CASES: { name: string; steps: Step[] }[] = JSON.parse(
  readFileSync(new URL('./fixtures/shared-set-cases.json', import.meta.url), 'utf8'),
);

/** What so many runs must have come by, or the generator does not reach it any more. */
const MET = [
  'a page',
  'a page before a change',
  'the server ended',
  'the puller ended',
  'held',
  'kept',
  'expired',
  'restored',
  'grant-changed',
  'grant-ended',
  'removed: deleted',
  'removed: unshared',
  'removed: grant-changed',
  ...FAULTS.map((fault) => `fault: ${fault}`),
];

for (const dialect of DIALECTS) {
  describe(`the shared set (${dialect})`, () => {
    let world: World;
    beforeAll(async () => {
      world = await createWorld(dialect);
    });
    afterAll(() => world[Symbol.asyncDispose]());

    // Of many runs one in twenty is on PostgreSQL, which takes as long as all the others.
    const runs = LONG === 0 ? SHORT[dialect] : dialect === 'sqlite' ? LONG : Math.ceil(LONG / 20);

    it(
      `is what arrives, and nothing else, in ${runs} runs of seed ${SEED}`,
      async () => {
        await fc.assert(
          fc.asyncProperty(steps, (list) => world.run(list)),
          { numRuns: runs, seed: SEED },
        );
        if (runs >= SHORT.sqlite) expect([...world.met.keys()]).toEqual(expect.arrayContaining(MET));
      },
      6 * 3600_000,
    );

    it.each(CASES)('$name', ({ steps }) => world.run(steps));
  });
}
