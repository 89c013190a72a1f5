import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  buildSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  lexicographicSortSchema,
  printSchema,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { printedSchema, schema } from './schema.ts';

describe('the schema', () => {
  it('is the one that is committed', async () => {
    const committed = await readFile(new URL('../../schema/schema.graphql', import.meta.url), 'utf8');
    // In which order its types stand hangs on which module was loaded first; `npm run schema` holds the file to its own.
    const sorted = (text: string) => printSchema(lexicographicSortSchema(buildSchema(text)));
    expect(sorted(printedSchema())).toBe(sorted(committed));
  });

  it('describes every type, field, argument and value', () => {
    const silent: string[] = [];
    const check = (name: string, described: { description?: string | null | undefined }) => {
      if (!described.description) silent.push(name);
    };
    for (const type of Object.values(schema.getTypeMap())) {
      if (type.name.startsWith('__')) continue;
      check(type.name, type);
      if (isEnumType(type)) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value);
      if (isInputObjectType(type)) {
        for (const field of Object.values(type.getFields())) check(`${type.name}.${field.name}`, field);
      }
      if (!isObjectType(type) && !isInterfaceType(type)) continue;
      for (const field of Object.values(type.getFields())) {
        check(`${type.name}.${field.name}`, field);
        for (const arg of field.args) check(`${type.name}.${field.name}(${arg.name})`, arg);
      }
    }
    expect(silent).toEqual([]);
  });

  it("has given types to the terminal's operations, as they are committed", async () => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const command = ['node_modules/.bin/graphql-codegen', '--check', '--silent'];
    await expect(promisify(execFile)(process.execPath, command, { cwd: root })).resolves.toBeDefined();
  });
});
