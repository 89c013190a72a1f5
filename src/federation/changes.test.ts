import { afterEach, expect, it } from 'vitest';
import { ALONE } from '../../test/support/alone.ts';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { seedPeer } from '../../test/support/items.ts';
import type { Database } from '../database/database.ts';
import { type ChangeSource, createChanges } from './changes.ts';

describeOnBothDatabases('changes of peers and pulls', (open) => {
  const sources: ChangeSource[] = [];
  afterEach(() => {
    for (const source of sources.splice(0)) source[Symbol.dispose]();
  });

  async function source(): Promise<{ database: Database; changes: ChangeSource; errors: unknown[] }> {
    const database = await open();
    const errors: unknown[] = [];
    const changes = createChanges({
      read: database.read,
      processes: ALONE,
      onError: (error) => errors.push(error),
      lookEvery: 20,
    });
    sources.push(changes);
    return { database, changes, errors };
  }

  it('tells of each peer whose row changes, and of no other', async () => {
    const { database, changes, errors } = await source();
    const { prisma } = database;
    const [one, two] = [await seedPeer(database, { name: 'one' }), await seedPeer(database, { name: 'two' })];
    const ended = new AbortController();
    const followed = await changes.peers(ended.signal);
    const next = async () => (await followed.next()).value;

    await prisma.peer.update({ where: { id: two.id }, data: { health: 'OFFLINE' } });
    expect(await next()).toBe(two.id);
    // What nobody is shown is no change: what is told next is the one after it.
    await prisma.peer.update({ where: { id: two.id }, data: { cursor: 'c2' } });
    await prisma.peer.update({ where: { id: one.id }, data: { bytesFetched: { increment: 5 } } });
    expect(await next()).toBe(one.id);
    const three = await seedPeer(database, { name: 'three' });
    expect(await next()).toBe(three.id);
    await prisma.peer.update({ where: { id: one.id }, data: { status: 'REVOKED' } });
    expect(await next()).toBe(one.id);
    await prisma.peer.update({ where: { id: one.id }, data: { health: 'OFFLINE' } });
    await prisma.peer.update({ where: { id: three.id }, data: { name: 'trois' } });
    expect(await next()).toBe(three.id);
    ended.abort();
    expect((await followed.next()).done).toBe(true);
    expect(errors).toEqual([]);
  });

  it('reads no rows while nobody follows, and misses nothing when somebody follows again', async () => {
    const { database } = await source();
    const peer = await seedPeer(database, { name: 'one' });
    let looks = 0;
    const changes = createChanges({
      processes: ALONE,
      read: {
        ...database.read,
        all: (statement) => {
          looks += 1;
          return database.read.all(statement);
        },
      },
      onError: () => {},
      lookEvery: 5,
    });
    sources.push(changes);
    const first = await changes.peers(new AbortController().signal);
    expect(looks).toBe(1);
    await first.return?.();
    await new Promise((resolve) => setTimeout(resolve, 60));
    const after = looks;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(looks).toBe(after);

    const again = await changes.peers(new AbortController().signal);
    await database.prisma.peer.update({ where: { id: peer.id }, data: { name: 'uno' } });
    expect((await again.next()).value).toBe(peer.id);
  });

  it('goes on after a look that failed', async () => {
    const { database } = await source();
    const peer = await seedPeer(database, { name: 'one' });
    let fail = false;
    const errors: unknown[] = [];
    const changes = createChanges({
      processes: ALONE,
      read: {
        ...database.read,
        all: (statement) => {
          if (!fail) return database.read.all(statement);
          fail = false;
          throw new Error('no connection');
        },
      },
      onError: (error) => errors.push(error),
      lookEvery: 5,
    });
    sources.push(changes);
    const followed = await changes.peers(new AbortController().signal);
    fail = true;
    await database.prisma.peer.update({ where: { id: peer.id }, data: { name: 'uno' } });
    expect((await followed.next()).value).toBe(peer.id);
    expect(errors).toHaveLength(1);
  });
});
