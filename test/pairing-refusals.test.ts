/** Every refusal of pairing, as GraphQL, REST and the terminal tell it: its own code, and a sentence on what to do. */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../src/cli/program.ts';
import type { Terminal } from '../src/cli/terminal.ts';
import type { ErrorCode } from '../src/graphql/user-error.ts';
import { host } from '../src/host.ts';
import { wireCode } from '../src/lib/errors.ts';
import { type FakePeer, startFakePeer } from './support/fake-peer.ts';
import { type Instance, startInstance } from './support/instance.ts';

let b: Instance;
let fake: FakePeer;
let other: FakePeer;

beforeAll(async () => {
  b = await startInstance('Garden');
  fake = await startFakePeer();
  other = await startFakePeer();
});
afterAll(async () => {
  await other?.[Symbol.asyncDispose]();
  await fake?.[Symbol.asyncDispose]();
  await b?.[Symbol.asyncDispose]();
});

async function overGraphql(invitation: string) {
  const { pairWithPeer } = await b.query<{
    pairWithPeer: { peer: null; userErrors: { code: string; message: string }[] };
  }>(
    'mutation ($input: PairWithPeerInput!) { pairWithPeer(input: $input) { peer { id } userErrors { code message } } }',
    { input: { invitation } },
  );
  expect(pairWithPeer.peer).toBeNull();
  expect(pairWithPeer.userErrors).toHaveLength(1);
  return pairWithPeer.userErrors[0];
}

async function overRest(pairing_token: string) {
  const answer = await b.send('POST', '/api/federation/pair', { pairing_token });
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  const { status, code, detail, title } = JSON.parse(answer.body.toString());
  expect(status).toBe(answer.status);
  return { status, code, sentence: detail ?? title };
}

async function inTheTerminal(words: string[]) {
  const said = { out: '', err: '' };
  const terminal: Terminal = {
    interactive: false,
    out: (line) => {
      said.out += `${line}\n`;
    },
    err: (line) => {
      said.err += `${line}\n`;
    },
    status: () => {},
    input: async () => '',
    secret: async () => '',
    onInterrupt: () => ({ [Symbol.dispose]: () => {} }),
  };
  const code = await runCommandLine(words, {
    host,
    terminal,
    environment: { HEDGEROW_DATA_DIR: join(b.folder, 'data') },
  });
  return { code, ...said };
}

/** The inviting server refuses, with its signature. */
const refusing = (status: number, code: string, more: Record<string, unknown> = {}) => {
  fake.misbehave = async (asked, honest) =>
    asked.method === 'POST' ? fake.signed(asked, status, { code, ...more }) : honest();
  return fake.invitation();
};

interface Case {
  what: string;
  code: ErrorCode;
  status: number;
  /** What the sentence must tell somebody to do. */
  todo: RegExp;
  invitation: () => string | Promise<string>;
}

const CASES: Case[] = [
  {
    what: 'an unknown invitation',
    code: 'INVITATION_UNKNOWN',
    status: 404,
    todo: /Ask for a new one/,
    invitation: () => refusing(404, 'invitation-unknown'),
  },
  {
    what: 'a used one',
    code: 'INVITATION_USED',
    status: 409,
    todo: /already used.*Ask for a new one/,
    invitation: () => refusing(409, 'invitation-used'),
  },
  {
    what: 'an expired one',
    code: 'INVITATION_EXPIRED',
    status: 410,
    todo: /expired.*Ask for a new one/,
    invitation: () => refusing(410, 'invitation-expired'),
  },
  {
    what: 'a cancelled one',
    code: 'INVITATION_CANCELLED',
    status: 410,
    todo: /cancelled.*Ask for a new one/,
    invitation: () => refusing(410, 'invitation-cancelled'),
  },
  {
    what: 'one that is not mutual',
    code: 'INVITATION_NOT_MUTUAL',
    status: 409,
    todo: /without sharing/,
    invitation: () => refusing(409, 'invitation-not-mutual'),
  },
  {
    what: 'a code that is not whole',
    code: 'INVITATION_MALFORMED',
    status: 400,
    todo: /Copy it again/,
    invitation: () => fake.invitation().slice(0, -3),
  },
  {
    what: 'a code of our own',
    code: 'PAIRING_OWN_INSTANCE',
    status: 403,
    todo: /paste it on the other server/i,
    invitation: async () => {
      const { createInvitation } = await b.query<{ createInvitation: { code: string } }>(
        'mutation { createInvitation(input: {}) { code } }',
      );
      return createInvitation.code;
    },
  },
  {
    what: 'another key for this instance there',
    code: 'PAIRING_KEY_MISMATCH',
    status: 409,
    todo: /revoke the earlier pairing/,
    invitation: () => refusing(409, 'pairing-key-mismatch'),
  },
  {
    what: 'a key that is not accepted',
    code: 'PAIRING_KEY_REFUSED',
    status: 403,
    todo: /up to date/,
    invitation: () => refusing(403, 'pairing-key-refused'),
  },
  {
    what: 'another server behind the address',
    code: 'PAIRING_AUDIENCE',
    status: 403,
    todo: /Check the endpoint/,
    invitation: () => refusing(403, 'pairing-audience'),
  },
  {
    what: 'a signature that does not verify there',
    code: 'SIGNATURE_INVALID',
    status: 401,
    todo: /Ask for a new one/,
    invitation: () => refusing(401, 'signature-invalid'),
  },
  {
    what: 'clocks apart',
    code: 'CLOCK_SKEW',
    status: 401,
    todo: /Set them.*2026-01-01T00:00:00Z/,
    invitation: () => refusing(401, 'clock-skew', { serverTime: '2026-01-01T00:00:00Z' }),
  },
  {
    what: 'too many attempts',
    code: 'PAIRING_RATE_LIMITED',
    status: 429,
    todo: /asked again in 30 s/,
    invitation: () => refusing(429, 'rate-limited', { retryAfter: 30 }),
  },
  {
    what: 'a server that is switched off',
    code: 'PEER_UNREACHABLE',
    status: 503,
    todo: /switched off, or another port/,
    invitation: async () => {
      const gone = await startFakePeer();
      const invitation = gone.invitation();
      await gone[Symbol.asyncDispose]();
      return invitation;
    },
  },
  {
    what: 'a TLS connection that cannot be trusted',
    code: 'PEER_TLS',
    status: 502,
    todo: /certificate/,
    invitation: () => fake.invitation({ url: fake.url.replace('http:', 'https:') }),
  },
  {
    what: 'another server than the one that invited',
    code: 'PEER_IDENTITY',
    status: 502,
    todo: /Check the endpoint/,
    invitation: () => fake.invitation({ url: other.url }),
  },
  {
    what: 'no protocol in common',
    code: 'PROTOCOL_UNSUPPORTED',
    status: 502,
    todo: /Bring both up to date/,
    invitation: () => {
      const { instanceId: id, key } = fake;
      fake.misbehave = async () =>
        fake.json(200, { protocols: ['2'], instance: { id, publicKey: key.jwk, keys: [] } });
      return fake.invitation();
    },
  },
  {
    what: 'an address that is never dialled',
    code: 'PEER_ADDRESS_FORBIDDEN',
    status: 403,
    todo: /does not connect to 169\.254\.169\.254/,
    invitation: () => fake.invitation({ url: 'http://169.254.169.254' }),
  },
];

describe('a refusal of pairing is told alike in GraphQL, in REST and in the terminal', () => {
  const sentences = new Map<string, string>();

  it.each(CASES)('$what: $code', async ({ code, status, todo, invitation: make }) => {
    fake.misbehave = null;
    const invitation = await make();
    const graphql = await overGraphql(invitation);
    expect(graphql).toEqual({ code, message: expect.stringMatching(todo) });
    const sentence = graphql?.message ?? '';
    expect(await overRest(invitation)).toEqual({ status, code: wireCode(code), sentence });
    const terminal = await inTheTerminal(['pair', invitation]);
    expect(terminal).toMatchObject({ code: 1, out: '' });
    expect(terminal.err).toContain(sentence);

    // Nobody is told the same for two causes, and nothing was made of it.
    expect([...sentences].filter(([, said]) => said === sentence)).toEqual([]);
    sentences.set(code, sentence);
    expect(await b.app.database.prisma.peer.count()).toBe(0);
    const audited = await b.app.database.prisma.auditEvent.count({
      where: { action: 'pairing.attempt', code },
    });
    expect(audited).toBeGreaterThan(0);
  });

  it('and what is shared back without being asked for ends in the terminal before anything is sent', async () => {
    const asked = fake.requests.length;
    const terminal = await inTheTerminal(['pair', fake.invitation(), '--share-back']);
    expect(terminal).toMatchObject({ code: 1, out: '' });
    expect(terminal.err).toMatch(/does not ask for anything back/);
    expect(fake.requests.length).toBe(asked);
  });

  it('never in words that a hostile server chose as an error of ours', async () => {
    for (const code of ['unauthenticated', 'forbidden', 'revoked', 'internal', 'not-a-code']) {
      expect(await overGraphql(refusing(403, code))).toMatchObject({ code: 'PEER_INVALID_ANSWER' });
    }
  });
});
