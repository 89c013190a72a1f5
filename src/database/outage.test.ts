import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { DIALECTS, newPostgresUrl } from '../../test/support/databases.ts';
import { eventually } from '../../test/support/eventually.ts';
import { isCode } from '../lib/errors.ts';
import { DatabaseAwayError, guardBy, movesCounters, translateOutage, watchOutage } from './outage.ts';

const PATIENCE = 300;

describe('what goes wrong between us and PostgreSQL', () => {
  const coded = (code: string, message = 'no words of ours') => Object.assign(new Error(message), { code });

  it.each([
    coded('ECONNREFUSED'),
    coded('57P01'),
    coded('53300'),
    coded('08006'),
    new Error('Connection terminated unexpectedly'),
    new Error('timeout exceeded when trying to connect'),
    Object.assign(new Error('DriverAdapterError'), { cause: { kind: 'ConnectionClosed' } }),
    coded('57014', 'canceling statement due to statement timeout'),
    coded('55P03'),
  ])('is UNAVAILABLE, and says when to come back (%s)', (error) => {
    const known = translateOutage(error);
    expect(known).toBeInstanceOf(DatabaseAwayError);
    expect(isCode(known, 'UNAVAILABLE') && known.retryAfter).toBe(2);
    expect((known as Error).message).not.toContain(error.message);
  });

  it.each([coded('23505'), coded('42P01'), new Error('of another kind')])(
    'all else is as it was (%s)',
    (error) => {
      expect(translateOutage(error)).toBe(error);
    },
  );

  it('counters are moved by statements that name them, or peers', () => {
    expect(movesCounters('UPDATE catalog_state SET revision = 1')).toBe(true);
    expect(movesCounters('UPDATE "public"."federation_peers" SET "health" = $1')).toBe(true);
    expect(movesCounters('INSERT INTO audit_events VALUES ($1)')).toBe(false);
  });
});

describe.skipIf(!DIALECTS.includes('postgresql'))('an outage', () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** The suite's PostgreSQL behind a cable of this test's. */
  async function behindCable() {
    const { hostname, port } = new URL(inject('postgresUrl'));
    const sockets = new Set<Socket>();
    const keep = (socket: Socket): void => {
      sockets.add(socket);
      socket.on('error', () => {});
    };
    const listener = createServer((near) => {
      keep(near);
      const far = connect(Number(port), hostname);
      keep(far);
      near.pipe(far).pipe(near);
    });
    const listen = (at: number) => new Promise<void>((resolve) => listener.listen(at, '127.0.0.1', resolve));
    await listen(0);
    const { port: own } = listener.address() as { port: number };
    const url = new URL(await newPostgresUrl());
    url.port = String(own);
    const outage = watchOutage(url.href, 20, PATIENCE);
    ends.push(async () => {
      await outage[Symbol.asyncDispose]();
      for (const socket of sockets) socket.destroy();
      listener.close();
    });
    return {
      outage,
      cut: () => {
        listener.close();
        for (const socket of sockets) socket.resetAndDestroy();
      },
      silence: () => {
        for (const socket of sockets) socket.unpipe().pause();
        listener.removeAllListeners('connection').on('connection', keep);
      },
      mend: () => listen(own),
    };
  }

  it('ends what waits, refuses what comes, and is over by itself', async () => {
    const { outage, cut, mend } = await behindCable();
    const guarded = guardBy(outage);
    expect(await guarded(async () => 'there')).toBe('there');
    const waits = guarded(() => new Promise(() => {}));
    cut();
    await expect(waits).rejects.toBeInstanceOf(DatabaseAwayError);
    expect(outage.state?.kind).toBe('gone');
    let ran = false;
    const refused = guarded(async () => {
      ran = true;
    });
    await expect(refused).rejects.toBeInstanceOf(DatabaseAwayError);
    expect(ran).toBe(false);
    await mend();
    await eventually('the end of the outage', async () => outage.state === null);
    expect(await guarded(async () => 'there')).toBe('there');
  });

  it('one that began in silence stays one, though nobody listens there any more', async () => {
    const { outage, cut, silence } = await behindCable();
    await eventually('an answer', async () => outage.seenAt > 0 && outage.state === null);
    silence();
    await eventually('an outage', async () => outage.state !== null);
    expect(outage.state?.kind).toBe('silent');
    cut();
    const { since } = outage.state ?? { since: 0 };
    await new Promise((resolve) => setTimeout(resolve, 5 * 20 + PATIENCE));
    expect(outage.state).toEqual({ kind: 'silent', since });
    expect(outage.standing).toBeNull();
  });
});
