import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DIALECTS,
  openNewPostgres,
  openTemporarySqlite,
  type TemporaryDatabase,
} from '../../test/support/databases.ts';
import type { Cell } from '../lib/rows.ts';
import { cellReader, parseRecords, readRecords } from './records.ts';
import { join, type Statement, sql } from './sql.ts';

interface Row {
  text: string | null;
  number: number | null;
  yes: boolean | null;
  last: string | null;
}

const COLUMNS = { text: 'text', number: 'number', yes: 'boolean', last: 'text' } as const;
const TYPES = Object.values(COLUMNS);

/** A row as it was put in, of the cells that came out. */
function valuesOf(cells: readonly Cell[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(COLUMNS).map(([name, type], at) => {
      const cell = cells[at] ?? null;
      const read = cellReader(type);
      return [name, cell === null || read === undefined ? cell : read(cell)];
    }),
  );
}

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
        const { rows: found } = await readRecords(read, statement, TYPES);
        expect(found.map(valuesOf)).toEqual(rows.toReversed());
      }),
      { numRuns: 150 },
    );
  });

  it('are none where there is no row, with what was asked for beside them', async () => {
    const none = sql`SELECT key FROM items`;
    const found = await readRecords(under.database.read, none, ['number'], sql`SELECT 7`);
    expect(found).toEqual({ rows: [], beside: 7 });
    expect(await readRecords(under.database.read, none, ['number'])).toEqual({
      rows: [],
      beside: null,
    });
  });
});

it('are read as PostgreSQL writes them', () => {
  expect(parseRecords('(,,,)("a ""b""",-1,t,"")', TYPES)).toEqual([
    [null, null, null, null],
    ['a "b"', '-1', 't', ''],
  ]);
});
