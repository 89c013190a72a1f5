import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InstanceDocument, PeersDocument, UpdatePeerDocument } from '../../schema/generated/graphql.ts';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { type GraphqlUnderTest, startGraphql } from '../../test/support/graphql.ts';
import { readTrustedDocuments } from './trusted-documents.ts';

const OPERATIONS = fileURLToPath(new URL('../../schema/operations', import.meta.url));

let folder: string;
let temporary: TemporaryDatabase;
let server: GraphqlUnderTest;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-operations-'));
  await mkdir(join(folder, 'of-a-client'));
  await writeFile(
    join(folder, 'of-a-client/titles.graphql'),
    'query Titles($first: Int) { media(first: $first) { nodes { ...Title } totalCount } }',
  );
  await writeFile(join(folder, 'of-a-client/title.graphql'), 'fragment Title on Media { title }');
  temporary = await openTemporarySqlite();
  server = await startGraphql(temporary.database, {
    route: { trusted: await readTrustedDocuments(folder) },
  });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await temporary.close();
  await rm(folder, { recursive: true });
});

const KNOWN = `
  fragment Title on Media { title } # the order makes no difference
  query Titles($first: Int) { media(first: $first) { nodes { ...Title } totalCount } }
`;

describe('trusted documents', () => {
  it('are answered, however they are written, again and again', async () => {
    for (let time = 0; time < 3; time += 1) {
      const { data, errors } = await server.ask(KNOWN, {
        variables: { first: 5 },
        headers: { accept: 'application/json' },
      });
      expect(errors).toBeUndefined();
      expect(data.media.totalCount).toBe(0);
    }
  });

  it('are the only ones: nothing else is, not even what differs a little, nor what tells the schema', async () => {
    for (const query of [
      '{ media { totalCount } }',
      KNOWN.replace('title }', 'title id }'),
      '{ __schema { queryType { name } } }',
      'mutation { refreshPeer(input: {}) { pulls { id } } }',
    ]) {
      for (let time = 0; time < 2; time += 1) {
        const { status, data, errors } = await server.ask(query, {
          headers: { accept: 'application/graphql-response+json' },
        });
        expect(data).toBeUndefined();
        expect([status, errors?.[0]?.extensions['code']]).toEqual([403, 'FORBIDDEN']);
      }
    }
    const two = await server.ask(`${KNOWN} query Other { media { totalCount } }`);
    expect([two.data, two.errors?.length]).toEqual([undefined, 1]);
  });

  it('of the project are all that the terminal sends', async () => {
    const trusted = await readTrustedDocuments(OPERATIONS);
    for (const document of [InstanceDocument, PeersDocument, UpdatePeerDocument]) {
      expect(trusted.has(parse(document.toString()))).toBe(true);
    }
    expect(trusted.size).toBeGreaterThan(20);
  });

  it('that are broken stop the start, and say which', async () => {
    await expect(readTrustedDocuments(join(folder, 'none'))).rejects.toThrow(/none cannot be read/);
    const broken = join(folder, 'broken');
    await mkdir(broken);
    await writeFile(join(broken, 'a.graphql'), 'query A { media { nodes { ...Gone } } }');
    await expect(readTrustedDocuments(broken)).rejects.toThrow(/no fragment Gone/);
    await writeFile(join(broken, 'a.graphql'), 'query {');
    await expect(readTrustedDocuments(broken)).rejects.toThrow(/a\.graphql is no document/);
    await rm(broken, { recursive: true });
  });
});
