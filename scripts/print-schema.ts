/** Writes `schema/schema.graphql` from the schema in the code; `--check` only says whether it is current. */

import { readFile, writeFile } from 'node:fs/promises';
import { printedSchema } from '../src/graphql/schema.ts';

const path = new URL('../schema/schema.graphql', import.meta.url);
const text = printedSchema();

if (process.argv.includes('--check')) {
  if ((await readFile(path, 'utf8').catch(() => '')) !== text) {
    console.error('schema/schema.graphql is out of date: run this script without --check.');
    process.exitCode = 1;
  }
} else {
  await writeFile(path, text);
}
