import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALONE } from '../../../test/support/alone.ts';
import { describeOnBothDatabases, openTemporarySqlite } from '../../../test/support/databases.ts';
import type { Database } from '../../database/database.ts';
import type { FederationContext } from '../context.ts';
import { generatePeerToken, sealPeerToken } from '../credentials.ts';
import { loadIdentity } from '../identity/instance-identity.ts';
import { generateKey } from '../identity/keys.ts';
import { createOutgoing } from '../outgoing/dispatcher.ts';
import { type Connections, createConnections, type PeerConnection } from './connections.ts';

const masterKey = randomBytes(32);
const signal = new AbortController().signal;
const PEER = 'peer_1';

/** Connections of one peer that holds a token; nothing listens at its address. */
async function connectionsTo(database: Database, token: string) {
  const context: FederationContext = {
    database,
    processes: ALONE,
    shared: null,
    identity: await loadIdentity(database, masterKey),
    masterKey,
    now: Date.now,
    self: () => ({ name: 'Here', publicUrl: 'http://127.0.0.1:1' }),
    log: new Proxy({} as FederationContext['log'], { get: () => () => {} }),
    audit: { record: async () => {}, served: () => {} },
  };
  const pinned = generateKey();
  const { key } = await database.prisma.peer.create({
    data: {
      id: PEER,
      name: 'There',
      endpoint: 'http://127.0.0.1:1',
      endpointOurs: true,
      publicKey: JSON.stringify(pinned.jwk),
      thumbprint: pinned.thumbprint,
      instanceId: 'inst_1',
      pulls: true,
      sealedToken: sealPeerToken(masterKey, PEER, token),
    },
  });
  const connections = createConnections({ context, outgoing: createOutgoing() });
  const received = async (next: string | null) => {
    const sealedNextToken = next === null ? null : sealPeerToken(masterKey, PEER, next);
    await database.prisma.peer.update({ where: { key }, data: { sealedNextToken } });
  };
  return { context, connections, key, received, pinned };
}

describeOnBothDatabases('what a request is sent with', (open) => {
  it('is the new token as soon as there is one, the old one where the new one is refused', async () => {
    const [old, next] = [generatePeerToken(), generatePeerToken()];
    const { connections, key, received } = await connectionsTo(await open(), old);
    await using _ending = connections;
    const source = connections.of(key);
    const first = await source.current(signal);
    expect(first).toMatchObject({ token: old, isNext: false });
    // Nothing else is there: a refusal is a refusal.
    expect(await source.instead(first, { kind: 'credential' }, signal)).toBeNull();
    await received(next);
    const second = await source.current(signal);
    expect(second).toMatchObject({ token: next, isNext: true });
    // One under the old token was under way when the new one came.
    expect(await source.instead(first, { kind: 'credential' }, signal)).toMatchObject({ token: next });
    // Two at once may be refused; neither is left without a token.
    const instead = await Promise.all(
      [1, 2].map(() => source.instead(second, { kind: 'credential' }, signal)),
    );
    expect(instead).toMatchObject([{ token: old }, { token: old }]);
    expect(await source.current(signal)).toMatchObject({ token: old });
  });

  it('stays the new token once it has worked, and what others say without proof changes nothing', async () => {
    const [old, next] = [generatePeerToken(), generatePeerToken()];
    const database = await open();
    const { connections, key, received } = await connectionsTo(database, old);
    await using _ending = connections;
    const source = connections.of(key);
    await received(next);
    const sent = await source.current(signal);
    expect(await source.instead(sent, { kind: 'unproven' }, signal)).toBeNull();
    expect(await source.current(signal)).toMatchObject({ token: next, isNext: true });
    await source.proved(sent);
    const row = await database.prisma.peer.findUniqueOrThrow({ where: { key } });
    expect(row).toMatchObject({ sealedToken: sent.sealed, sealedNextToken: null });
    // Were it refused now, there would be no other.
    expect(await source.instead(sent, { kind: 'credential' }, signal)).toBeNull();
  });

  it('is the key and the address of this moment', async () => {
    const database = await open();
    const { connections, key, pinned } = await connectionsTo(database, generatePeerToken());
    await using _ending = connections;
    const source = connections.of(key);
    const before = await source.current(signal);
    expect(before.publicKey.thumbprint).toBe(pinned.thumbprint);
    const next = generateKey();
    await database.prisma.peer.update({
      where: { key },
      data: {
        publicKey: JSON.stringify(next.jwk),
        thumbprint: next.thumbprint,
        endpoint: 'http://127.0.0.2:1',
      },
    });
    for (const kind of ['unproven', 'credential'] as const) {
      expect(await source.instead(before, { kind }, signal)).toMatchObject({
        endpoint: 'http://127.0.0.2:1',
        publicKey: { thumbprint: next.thumbprint },
      });
    }
    await database.prisma.peer.update({ where: { key }, data: { status: 'REVOKED' } });
    await expect(source.current(signal)).rejects.toMatchObject({ code: 'REVOKED' });
    await expect(source.instead(before, { kind: 'unproven' }, signal)).rejects.toMatchObject({
      code: 'REVOKED',
    });
  });
});

/** The other side, as docs/federation.md has it. */
class Issuer {
  current: string;
  next: string | null = null;

  constructor(token: string) {
    this.current = token;
  }

  issue(): string {
    this.next = generatePeerToken();
    return this.next;
  }

  takes(token: string): boolean {
    if (token === this.next) {
      this.current = token;
      this.next = null;
    }
    return token === this.current;
  }
}

type Step =
  | 'renew'
  | 'renew, lost before'
  | 'renew, lost after'
  | 'ask'
  | 'ask, lost'
  | 'expire'
  | 'begin'
  | 'end';

describe('a holder', () => {
  it('is never left without a token that works, whatever is lost on the way and in whatever order', async () => {
    const { database, close } = await openTemporarySqlite();
    try {
      const { connections, key, received, context } = await connectionsTo(database, generatePeerToken());
      await using _ending = connections;
      const steps = fc.array(
        fc.constantFrom<Step>(
          'renew',
          'renew, lost before',
          'renew, lost after',
          'ask',
          'ask, lost',
          'expire',
          'begin',
          'end',
        ),
        { maxLength: 20 },
      );
      await fc.assert(
        fc.asyncProperty(steps, async (taken) => {
          const issuer = new Issuer(generatePeerToken());
          await database.prisma.peer.update({
            where: { key },
            data: {
              sealedToken: sealPeerToken(context.masterKey, PEER, issuer.current),
              sealedNextToken: null,
            },
          });
          await live(taken, issuer, connections, key, received);
          expect(await ask(connections, key, issuer, 'arrives')).toBe('answered');
        }),
        { numRuns: 60 },
      );
    } finally {
      await close();
    }
  });
});

async function live(
  steps: readonly Step[],
  issuer: Issuer,
  connections: Connections,
  key: number,
  received: (next: string) => Promise<void>,
): Promise<void> {
  const underWay: PeerConnection[] = [];
  for (const step of steps) {
    if (step.startsWith('renew')) {
      // The question is a request like any other, and so may be the first use of what came before.
      if (step !== 'renew, lost before') {
        expect(await ask(connections, key, issuer, 'arrives')).toBe('answered');
        const token = issuer.issue();
        if (step === 'renew') await received(token);
      }
    } else if (step === 'expire') issuer.next = null;
    else if (step === 'ask') expect(await ask(connections, key, issuer, 'arrives')).toBe('answered');
    else if (step === 'ask, lost') await ask(connections, key, issuer, 'is lost');
    else if (step === 'begin') underWay.push(await connections.of(key).current(signal));
    else {
      const sent = underWay.pop();
      if (sent !== undefined) expect(await ask(connections, key, issuer, 'arrives', sent)).toBe('answered');
    }
  }
}

/** One request, sent as the client sends it. */
async function ask(
  connections: Connections,
  key: number,
  issuer: Issuer,
  answer: 'arrives' | 'is lost',
  begun?: PeerConnection,
): Promise<'answered' | 'refused' | 'lost'> {
  const source = connections.of(key);
  let connection: PeerConnection | null = begun ?? (await source.current(signal));
  for (let sent = 1; sent <= 3 && connection !== null; sent++) {
    const taken = issuer.takes(connection.token);
    if (answer === 'is lost') return 'lost';
    if (taken) {
      await source.proved(connection);
      return 'answered';
    }
    connection = await source.instead(connection, { kind: 'credential' }, signal);
  }
  return 'refused';
}
