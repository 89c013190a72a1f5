/** Writes `schema/federation.schema.json` from the schemas in the code; `--check` only says whether it is current. */

import { readFile, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { federationJsonSchema } from '../src/federation/wire/schema.ts';

const path = new URL('../schema/federation.schema.json', import.meta.url);
const schema = federationJsonSchema();

if (process.argv.includes('--check')) {
  // Compared by content: the formatter decides how the file is laid out.
  const committed: unknown = JSON.parse(await readFile(path, 'utf8').catch(() => 'null'));
  if (!isDeepStrictEqual(committed, schema)) {
    console.error('schema/federation.schema.json is out of date: run this script without --check.');
    process.exitCode = 1;
  }
} else {
  await writeFile(path, `${JSON.stringify(schema, null, 2)}\n`);
}
