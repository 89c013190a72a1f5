import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { coerceInputValue, GraphQLError, parse, typeFromAST, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../src/graphql/schema.ts';

const FOLDER = fileURLToPath(new URL('../schema/operations/', import.meta.url));
const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.graphql'));

describe('the example operations that GraphiQL opens with', () => {
  it.each(files)('%s asks for what the schema has, with variables that it takes', async (name) => {
    const document = parse(await readFile(FOLDER + name, 'utf8'));
    expect(validate(schema, document)).toEqual([]);
    const text = await readFile(FOLDER + name.replace('.graphql', '.variables.json'), 'utf8').catch(
      () => '{}',
    );
    const variables: Record<string, unknown> = JSON.parse(text);
    const [operation] = document.definitions;
    const definitions =
      operation?.kind === 'OperationDefinition' ? (operation.variableDefinitions ?? []) : [];
    const names = definitions.map((definition) => definition.variable.name.value);
    expect(names).toEqual(expect.arrayContaining(Object.keys(variables)));
    for (const definition of definitions) {
      const type = typeFromAST(schema, definition.type);
      const value = variables[definition.variable.name.value];
      if (
        type === undefined ||
        value === undefined ||
        !('getFields' in type || 'ofType' in type || 'getValues' in type)
      )
        continue;
      expect(coerceInputValue(value, type as Parameters<typeof coerceInputValue>[1])).not.toBeInstanceOf(
        GraphQLError,
      );
    }
  });
});
