import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { seedPeer } from '../../test/support/items.ts';
import type { Database } from '../database/database.ts';
import { createRecall } from './recall.ts';
import { ensureState, finishChange } from './state.ts';

describeOnBothDatabases('what was read of the catalog', (open) => {
  async function recalling(): Promise<{
    database: Database;
    read: (name: string) => Promise<object | null>;
  }> {
    const database = await open();
    await ensureState(database);
    const recall = createRecall<object>(database);
    return { database, read: (name) => recall(name, async () => ({ name })) };
  }
  const change = (database: Database): Promise<number> =>
    database.write((tx) => finishChange(tx, [], [], Date.now()));

  it('is read once while nothing in the catalog changes', async () => {
    const { read } = await recalling();
    await read('a');
    const known = await read('a');
    expect(await read('a')).toBe(known);
    expect(await read('b')).not.toBe(known);
  });

  it('is read anew after a change of the catalog or of a peer', async () => {
    const { database, read } = await recalling();
    await read('a');
    const before = await read('a');
    await change(database);
    const changed = await read('a');
    expect(changed).not.toBe(before);
    await seedPeer(database, { name: 'one' });
    expect(await read('a')).not.toBe(changed);
  });

  it('is read anew the next time where something changed while it was read', async () => {
    const { database } = await recalling();
    const recall = createRecall<{ found: string }>(database);
    await recall('a', async () => {
      await change(database);
      return { found: 'perhaps of before' };
    });
    expect(await recall('a', async () => ({ found: 'of after' }))).toEqual({ found: 'of after' });
  });

  it('is forgotten where there is nothing any more, and nothing is not remembered', async () => {
    const { database } = await recalling();
    const recall = createRecall<object>(database);
    expect(await recall('a', async () => null)).toBeNull();
    expect(await recall('a', async () => ({ is: 'there now' }))).toEqual({ is: 'there now' });
    await change(database);
    expect(await recall('a', async () => null)).toBeNull();
    expect(await recall('a', async () => ({ is: 'back' }))).toEqual({ is: 'back' });
  });
});
