/** Writes `schema/openapi.json` from the code; `--check` only says whether it is current. */

import { readFile, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { openApi } from '../src/http/openapi.ts';
import { VERSION } from '../src/version.ts';

const path = new URL('../schema/openapi.json', import.meta.url);
const document = JSON.parse(JSON.stringify(openApi(VERSION)));

if (process.argv.includes('--check')) {
  const committed: unknown = JSON.parse(await readFile(path, 'utf8').catch(() => 'null'));
  if (!isDeepStrictEqual(committed, document)) {
    console.error('schema/openapi.json is out of date: run this script without --check.');
    process.exitCode = 1;
  }
} else {
  await writeFile(path, `${JSON.stringify(document, null, 2)}\n`);
}
