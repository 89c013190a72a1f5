import { afterEach, expect, it } from 'vitest';
import { openNewPostgres } from '../../test/support/databases.ts';
import { remoteItem, seedPeer } from '../../test/support/items.ts';
import { createProcesses } from '../database/processes.ts';
import { EMPTY_CHECKSUM } from '../lib/checksum.ts';
import { createCatalog } from './catalog.ts';
import { createFaults } from './faults.ts';
import { applyRemotePage } from './remote-changes.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

it('what one process found wrong with an item is mended where another has it whole', async () => {
  const { database, close } = await openNewPostgres();
  closing.push(close);
  await createCatalog(database);
  const { key: source } = await seedPeer(database, { name: 'peer' });
  await database.write((tx) =>
    applyRemotePage(
      tx,
      source,
      { items: [remoteItem({ remoteId: 'one' })], skipped: [], removed: [], generation: 1 },
      EMPTY_CHECKSUM,
      1,
    ),
  );
  const { key } = await database.prisma.item.findFirstOrThrow({ where: { source } });
  const fault = async () => (await database.prisma.item.findFirstOrThrow({ where: { key } })).fault;
  const [here, there] = await Promise.all(
    [1, 2].map(async () => {
      const processes = createProcesses(database, { onError: () => {} });
      closing.push(async () => processes[Symbol.asyncDispose]());
      await processes.take(`life of ${processes.id}`);
      return createFaults({ database, processes, now: Date.now, onError: () => {} });
    }),
  );
  here?.note(key, 'INTEGRITY_FAILED');
  await expect.poll(fault).toBe('INTEGRITY_FAILED');
  await expect
    .poll(async () => {
      there?.clear(key);
      return fault();
    })
    .toBeNull();
});
