import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HedgerowError } from '../../lib/errors.ts';
import { generatePeerToken } from '../credentials.ts';
import { makeKeyChange } from '../identity/key-changes.ts';
import { generateKey } from '../identity/keys.ts';
import { EventReader, formatEvent, HEARTBEAT } from './events.ts';
import {
  discoverySchema,
  grantSchema,
  pairingAnswerSchema,
  pairingRequestSchema,
  problemDocument,
  readAgents,
  readMessage,
  readProblem,
  statusSchema,
} from './messages.ts';

const key = generateKey();
const id = 'inst_00000000-0000-4000-8000-000000000001';
const grant = {
  kinds: null,
  tags: [],
  albums: ['album_1'],
  access: 'previews',
  until: '2027-01-01T00:00:00Z',
};
const credential = { id: 'cred_1', token: generatePeerToken(), grant };
const request = {
  invitation: 'pair_00000000-0000-4000-8000-000000000001',
  audience: { id, thumbprint: key.thumbprint },
  instance: { id, name: 'Garden', publicKey: key.jwk, publicUrl: 'https://b.example' },
  credential,
};
const status = {
  cursor: 'abc',
  behind: 3,
  total: 10,
  checksum: '0123456789abcdef',
  grant,
  serverTime: '2026-01-01T00:00:00Z',
  software: { name: 'hedgerow', version: '0.1.0' },
  protocols: ['1'],
  capabilities: ['segments'],
};

test('well-formed messages are read, without the members that are unknown', () => {
  expect(readMessage(pairingRequestSchema, { ...request, later: 1 }, 'INVALID')).toEqual(request);
  expect(readMessage(statusSchema, status, 'PEER_INVALID_ANSWER')).toEqual(status);
  const discovery = {
    protocols: ['1', '2'],
    instance: { id, publicKey: key.jwk, keys: [makeKeyChange(id, 1, generateKey(), key)] },
  };
  expect(readMessage(discoverySchema, discovery, 'PEER_INVALID_ANSWER')).toEqual(discovery);
  const answer = { instance: { id, name: 'A', publicKey: key.jwk }, credential, mutual: false };
  expect(readMessage(pairingAnswerSchema, answer, 'PEER_INVALID_ANSWER')).toEqual(answer);
});

test('a refusal names the member at fault', () => {
  const refused = (value: unknown, field: string[]) =>
    expect(() => readMessage(pairingRequestSchema, value, 'INVALID')).toThrow(
      expect.objectContaining({ code: 'INVALID', field }),
    );
  refused({ ...request, invitation: 'pair_1' }, ['invitation']);
  refused({ ...request, audience: { id, thumbprint: 'x' } }, ['audience', 'thumbprint']);
  refused({ ...request, instance: { ...request.instance, name: 'x'.repeat(201) } }, ['instance', 'name']);
  refused({ ...request, instance: { ...request.instance, publicUrl: 'file:///etc' } }, [
    'instance',
    'publicUrl',
  ]);
  refused({ ...request, credential: { ...credential, token: 'x' } }, ['credential', 'token']);
  refused({ ...request, credential: { ...credential, grant: { ...grant, access: 'all' } } }, [
    'credential',
    'grant',
    'access',
  ]);
  refused(null, []);
});

test('a grant says everything, even that it restricts nothing', () => {
  expect(grantSchema.safeParse(grant).success).toBe(true);
  for (const name of Object.keys(grant))
    expect(grantSchema.safeParse({ ...grant, [name]: undefined }).success).toBe(false);
  expect(grantSchema.safeParse({ ...grant, until: '2027-01-01' }).success).toBe(false);
});

test('agents are taken one by one, with their skills by name', () => {
  const agent = {
    name: 'Tagger',
    description: 'a\nb',
    url: 'https://a.example',
    version: '1',
    skills: ['tag'],
  };
  const value = {
    agents: [
      agent,
      { ...agent, url: 'javascript:alert(1)' },
      { name: 'A2A', skills: [{ id: 's', name: 'describe', description: 'x', tags: [] }] },
    ],
  };
  expect(readAgents(value)).toEqual([agent, { name: 'A2A', skills: ['describe'] }]);
  expect(() => readAgents({})).toThrow(expect.objectContaining({ code: 'PEER_INVALID_ANSWER' }));
});

describe('problem documents', () => {
  test('come back as they were written', () => {
    const error = new HedgerowError('CURSOR_EXPIRED', 'List anew.', {
      extra: { reason: 'restored' },
      retryAfter: 5,
    });
    const document = problemDocument(error);
    expect(document).toEqual({
      title: 'Gone',
      status: 410,
      detail: 'List anew.',
      code: 'cursor-expired',
      retryAfter: 5,
      reason: 'restored',
    });
    expect(readProblem(document)).toEqual({
      code: 'CURSOR_EXPIRED',
      detail: 'List anew.',
      retryAfter: 5,
      serverTime: undefined,
      reason: 'restored',
    });
  });

  test('are read whatever they are', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(readProblem(value).code).toBeUndefined();
      }),
      { numRuns: 200, seed: 1 },
    );
    expect(readProblem({ code: 'toString', detail: 'x'.repeat(5000) }).detail).toHaveLength(500);
    expect(readProblem({ code: 'CURSOR_EXPIRED' }).code).toBeUndefined();
  });
});

describe('events', () => {
  test('are read from pieces of any size, heartbeats left out', () => {
    const text =
      HEARTBEAT +
      formatEvent({ type: 'changed' }) +
      'event: later\r\ndata: {}\r\n\r\n' +
      HEARTBEAT +
      formatEvent({ type: 'ended', code: 'REVOKED' });
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (sizes) => {
        const reader = new EventReader();
        const events = [];
        for (let at = 0, turn = 0; at < text.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          events.push(...reader.push(Buffer.from(text.slice(at, at + size))));
          at += size;
        }
        expect(events).toEqual([{ type: 'changed' }, { type: 'ended', code: 'REVOKED' }]);
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  test('a stream without an end of line is given up', () => {
    const reader = new EventReader();
    expect(() => {
      for (let turn = 0; turn < 10; turn++) reader.push(Buffer.alloc(1000, 'x'));
    }).toThrow(RangeError);
    const lines = new EventReader();
    expect(() => {
      for (let turn = 0; turn < 10; turn++) lines.push(Buffer.from(`data: ${'x'.repeat(1000)}\n`));
    }).toThrow(RangeError);
  });
});
