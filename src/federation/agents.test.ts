import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { seedPeer } from '../../test/support/items.ts';
import type { Database } from '../database/database.ts';
import { HedgerowError } from '../lib/errors.ts';
import { agentsOfPeer, pullAgents, readAgentsAgain } from './agents.ts';
import type { FederationContext } from './context.ts';
import type { WireAgent } from './wire/messages.ts';

const DAY = 24 * 3600_000;
const OLD: WireAgent = { name: 'Old', skills: [] };
const NEW: WireAgent = { name: 'New', skills: ['birds'] };

async function fixture(database: Database) {
  const clock = { at: Date.UTC(2026, 4, 1) };
  const failed: unknown[] = [];
  const context = {
    database,
    now: () => clock.at,
    log: { failed: (event: { error: unknown }) => failed.push(event.error) },
  } as unknown as FederationContext;
  const { key } = await seedPeer(database, { id: 'peer_1' });
  await database.prisma.peer.update({ where: { key }, data: { agents: JSON.stringify([OLD]) } });
  let asked = 0;
  return {
    clock,
    context,
    failed,
    asked: () => asked,
    pull: (answer: () => Promise<WireAgent[]>, signal = new AbortController().signal) =>
      pullAgents(
        context,
        key,
        {
          agents: () => {
            asked += 1;
            return answer();
          },
        },
        signal,
      ),
    names: async () => {
      const peer = await database.prisma.peer.findUniqueOrThrow({ where: { key } });
      return agentsOfPeer(peer).map(({ name }) => name);
    },
    row: () => database.prisma.peer.findUniqueOrThrow({ where: { key } }),
  };
}

const failing = (error: unknown) => () => Promise.reject(error);

describeOnBothDatabases("a peer's agents", (open) => {
  it('are read once a day, and at once where an admin asks', async () => {
    const { pull, names, clock, context, asked } = await fixture(await open());
    await pull(async () => [NEW]);
    expect(await names()).toEqual(['New']);
    clock.at += DAY - 1;
    await pull(async () => []);
    expect([asked(), await names()]).toEqual([1, ['New']]);
    clock.at += 1;
    await pull(async () => []);
    expect([asked(), await names()]).toEqual([2, []]);
    await readAgentsAgain(context, 'peer_of_somebody_else');
    await pull(async () => [NEW]);
    expect(asked()).toBe(2);
    await readAgentsAgain(context, 'peer_1');
    await pull(async () => [NEW]);
    expect([asked(), await names()]).toEqual([3, ['New']]);
  });

  it('are none where the peer says so, signed; and stay where somebody on the way says it', async () => {
    const { pull, names, failed, asked } = await fixture(await open());
    const unsigned = new HedgerowError('PEER_UNREACHABLE', 'Something answered 404.', {
      extra: { answered: 404 },
    });
    await pull(failing(unsigned));
    expect(await names()).toEqual(['Old']);
    // An older version: it is not asked again with each pull.
    await pull(async () => [NEW]);
    expect([asked(), await names()]).toEqual([1, ['Old']]);

    const other = await fixture(await open());
    await other.pull(failing(new HedgerowError('NOT_FOUND')));
    expect(await other.names()).toEqual([]);
    expect([failed, other.failed]).toEqual([[], []]);
  });

  it('are asked for again after the next pull where they could not be read, and nothing fails by that', async () => {
    const { pull, names, failed, row } = await fixture(await open());
    for (const code of ['PEER_TIMEOUT', 'PEER_INVALID_ANSWER', 'PEER_IDENTITY', 'REVOKED'] as const) {
      await pull(failing(new HedgerowError(code)));
    }
    expect(failed).toEqual([]);
    const fault = new Error('A fault of ours.');
    await pull(failing(fault));
    expect(failed).toEqual([fault]);
    const ended = new AbortController();
    ended.abort();
    await pull(failing(new Error('aborted')), ended.signal);
    expect(failed).toHaveLength(1);
    expect([await names(), (await row()).agentsAt, (await row()).errorCode]).toEqual([['Old'], null, null]);
    await pull(async () => [NEW]);
    expect(await names()).toEqual(['New']);
  });

  it('take no more room than is theirs', async () => {
    const { pull, row, names } = await fixture(await open());
    const large = { name: 'Large', description: 'x'.repeat(10_000), skills: [] };
    await pull(async () => Array(100).fill(large));
    expect((await row()).agents.length).toBeLessThanOrEqual(256 * 1024);
    expect((await names()).length).toBe(26);
  });

  it('are not shown of a peer that is revoked, or whose grant is over', async () => {
    const { row } = await fixture(await open());
    const peer = await row();
    expect(agentsOfPeer(peer)).toEqual([OLD]);
    expect(agentsOfPeer({ ...peer, status: 'REVOKED' })).toEqual([]);
    expect(agentsOfPeer({ ...peer, hiddenSince: new Date() })).toEqual([]);
  });
});
