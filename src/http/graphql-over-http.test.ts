/** The audit of the reference implementation of GraphQL over HTTP: what a server must, should and may do. */
import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { type GraphqlUnderTest, startGraphql } from '../../test/support/graphql.ts';

let temporary: TemporaryDatabase;
let server: GraphqlUnderTest;

beforeAll(async () => {
  temporary = await openTemporarySqlite();
  server = await startGraphql(temporary.database);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await temporary.close();
});

/** As a program with a token asks. */
const asProgram: typeof fetch = (url, init) => {
  const headers = new Headers(init?.headers);
  headers.set('authorization', 'Bearer of-a-program');
  headers.set('x-test-viewer', 'admin');
  return fetch(url, { ...init, headers });
};

/**
 * What the specification leaves open and we do otherwise, each with the reason. Nothing that it says MUST or SHOULD.
 */
const OTHERWISE: Record<string, string> = {};

describe('GraphQL over HTTP', () => {
  const audits = serverAudits({ url: () => server.url, fetchFn: asProgram });

  it('has as many rules as the audit that is installed here', () => {
    expect(audits.length).toBeGreaterThan(50);
    expect(Object.keys(OTHERWISE).filter((id) => !audits.some((audit) => audit.id === id))).toEqual([]);
    expect(audits.filter(({ id, name }) => id in OTHERWISE && !name.startsWith('MAY'))).toEqual([]);
  });

  it.each(audits.map((audit) => [`${audit.id} ${audit.name}`, audit] as const))(
    '%s',
    async (_name, audit) => {
      const { status, ...result } = await audit.fn();
      const reason = 'reason' in result ? result.reason : undefined;
      if (audit.id in OTHERWISE) expect(status).not.toBe('ok');
      else expect([status, reason]).toEqual(['ok', undefined]);
    },
  );
});
