import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { startInstance } from '../../test/support/instance.ts';
import { openApi } from './openapi.ts';

/** Pages for browsers, and what the terminal of this machine asks. */
const APART =
  /^\S+ (?:\/|\/admin|\/sign-in|\/setup|\/password|\/account|\/offline|\/manifest\.webmanifest|\/worker\.js|\/assets\/.*|\/oidc\/.*|\/internal\/.*|\*)$/;

it('the routes are described, all of them and no others, as they are committed', async () => {
  await using instance = await startInstance('routes');
  const served = await fetch(`${instance.url}/openapi.json`);
  const document = (await served.json()) as { info: { version: string }; paths: Record<string, object> };
  expect(document).toEqual(JSON.parse(JSON.stringify(openApi(document.info.version))));
  const committed = await readFile(new URL('../../schema/openapi.json', import.meta.url), 'utf8');
  expect(JSON.parse(committed)).toEqual(document);

  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const paths = instance.app.routes
    .map((route) => route.replace(/:(\w+)/g, '{$1}'))
    .filter((route) => !APART.test(route));
  expect(described.filter((route) => !route.startsWith('HEAD ') && !paths.includes(route))).toEqual([]);
  const known = new Set(described.map((route) => route.split(' ')[1]));
  expect(paths.filter((route) => !known.has(route.split(' ')[1]))).toEqual([]);
});

it('schema and messages are served as they are committed, and asked about again for nothing', async () => {
  await using instance = await startInstance('schemas');
  for (const [path, file] of [
    ['/schema.graphql', 'schema.graphql'],
    ['/federation.schema.json', 'federation.schema.json'],
  ]) {
    const first = await fetch(`${instance.url}${path}`);
    const text = await first.text();
    const committed = await readFile(new URL(`../../schema/${file}`, import.meta.url), 'utf8');
    if (file?.endsWith('.json')) expect(JSON.parse(text)).toEqual(JSON.parse(committed));
    else expect(text).toBe(committed);
    const again = await fetch(`${instance.url}${path}`, {
      headers: { 'if-none-match': first.headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
  }
});
