import { readFileSync } from 'node:fs';
import { buildSchema, findBreakingChanges, findDangerousChanges, printSchema } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from './schema.ts';

/** Names and types that others rely on. Everything may be added to it; what is gone or other is a breaking change. */
const core = printSchema(
  buildSchema(readFileSync(new URL('../../schema/core.graphql', import.meta.url), 'utf8')),
);

/** What a schema with `to` in the place of `from` lacks of the core, or has otherwise. */
function differences(from?: string, to?: string): string[] {
  const base = buildSchema(core);
  const ours = from === undefined ? schema : buildSchema(changed(from, to ?? ''));
  return [
    ...findBreakingChanges(base, ours),
    // Additions are dangerous to careless clients, and meant; another default is another answer to the same question.
    ...findDangerousChanges(base, ours).filter(({ type }) => type === 'ARG_DEFAULT_VALUE_CHANGE'),
  ].map(({ description }) => description.replace(/^(?=\w+ was)/, 'Type '));
}

function changed(from: string, to: string): string {
  if (!core.includes(from)) throw new Error(`The core has no ${from}.`);
  return core.replace(from, to);
}

describe('the schema', () => {
  it('has everything of the core, with those names and types', () => {
    expect(differences()).toEqual([]);
  });

  it.each([
    ['a field that is gone', '  thumbhash: String\n', '', 'thumbhash'],
    ['a field that may be null', 'sources: [CatalogSource!]!', 'sources: [CatalogSource!]', 'sources'],
    ['an argument that is gone', 'media(origin: MediaOrigin! = ALL, ', 'media(', 'origin'],
    ['another default', 'tags(first: Int = 50)', 'tags(first: Int = 10)', 'default'],
    ['a value that is gone', '  RELEVANCE\n', '', 'RELEVANCE'],
    ['another type', 'totalCount: Int!', 'totalCount: String!', 'totalCount'],
  ])('would be found out: %s', (_what, from, to, named) => {
    const found = differences(from, to);
    expect(found.length).toBeGreaterThan(0);
    expect(found.join('\n')).toContain(named);
  });
});
