import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DIALECTS,
  openNewPostgres,
  openTemporarySqlite,
  type TemporaryDatabase,
} from '../../test/support/databases.ts';
import { parseRecords, readRecords } from './records.ts';
import { join, type Statement, sql } from './sql.ts';

interface Row {
  text: string | null;
  number: number | null;
  yes: boolean | null;
  last: string | null;
}

const COLUMNS = { text: 'text', number: 'number', yes: 'boolean', last: 'text' } as const;
/** Whatever is quoted and doubled in a record, beside any other text. PostgreSQL has no zero characters. */
const text = fc.option(
  fc.oneof(
    fc.stringMatching(/^[(),"\\ \n\ta]{0,12}$/),
    fc.string({ unit: 'binary' }).map((each) => each.replaceAll('\0', '')),
  ),
);
const row = fc.record({
  text,
  number: fc.option(fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constant(0))),
  yes: fc.option(fc.boolean()),
  last: text,
});

describe.each(DIALECTS)('records (%s)', (dialect) => {
  let under: TemporaryDatabase;
  beforeAll(async () => {
    under = await (dialect === 'sqlite' ? openTemporarySqlite() : openNewPostgres());
  });
  afterAll(() => under.close());

  function selected({ text, number, yes, last }: Row, at: number): Statement {
    return sql`SELECT CAST(${text} AS text) AS "text", CAST(${number} AS bigint) AS "number", CAST(${yes} AS boolean) AS "yes", CAST(${last} AS text) AS "last", ${at} AS at`;
  }

  it('are the rows as the statement has them, in its order, whatever stands in them', async () => {
    const { read } = under.database;
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), async (rows) => {
        const all = join(
          rows.map((each, at) => selected(each, at)),
          ' UNION ALL ',
        );
        const statement = sql`SELECT "text", "number", "yes", "last" FROM (${all}) s ORDER BY CAST(at AS int) DESC LIMIT 100`;
        const { rows: found } = await readRecords<Row>(read, statement, COLUMNS);
        // SQLite has no booleans.
        const booleans = found.map((each) => ({
          ...each,
          yes: each.yes === null ? null : Boolean(each.yes),
        }));
        expect(booleans).toEqual(rows.toReversed());
      }),
      { numRuns: 150 },
    );
  });

  it('are none where there is no row, with what was asked for beside them', async () => {
    const none = sql`SELECT key FROM items`;
    const found = await readRecords(under.database.read, none, { key: 'number' }, sql`SELECT 7`);
    expect(found).toEqual({ rows: [], beside: 7 });
    expect(await readRecords(under.database.read, none, { key: 'number' })).toEqual({
      rows: [],
      beside: null,
    });
  });
});

it('are read as PostgreSQL writes them', () => {
  expect(parseRecords('(,,,)("a ""b""",-1,t,"")', COLUMNS)).toEqual([
    { text: null, number: null, yes: null, last: null },
    { text: 'a "b"', number: -1, yes: true, last: '' },
  ]);
});
