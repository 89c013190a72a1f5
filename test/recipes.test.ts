/** Sends every recipe of docs/recipes.md as it stands there. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, validate } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../src/graphql/schema.ts';
import { ADMIN_TOKEN, type Instance, SAMPLES, startInstance } from './support/instance.ts';

const text = await readFile(new URL('../docs/recipes.md', import.meta.url), 'utf8');
const recipes: [title: string, document: string][] = [];
let heading = '';
for (const [, title, document] of text.matchAll(/## ([^\n]+)|```graphql\n([\s\S]*?)```/g)) {
  if (title !== undefined) heading = title;
  if (document !== undefined) recipes.push([heading, document]);
}

let instance: Instance;
beforeAll(async () => {
  instance = await startInstance('recipes');
  await instance.app.library.importFiles({
    paths: [join(SAMPLES, 'garden')],
    visibility: 'PUBLIC',
    tags: ['garden'],
  });
});
afterAll(() => instance[Symbol.asyncDispose]());

describe('the recipes', () => {
  it('are there', () => {
    expect(recipes.length).toBeGreaterThan(7);
  });

  it.each(recipes)('%s', async (_title, recipe) => {
    expect(validate(schema, parse(recipe)).map(({ message }) => message)).toEqual([]);
    const response = await fetch(`${instance.url}/graphql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        'content-type': 'application/json',
        accept: recipe.startsWith('subscription') ? 'text/event-stream' : 'application/json',
      },
      body: JSON.stringify({ query: recipe }),
    });
    expect(response.status).toBe(200);
    if (!recipe.startsWith('subscription')) {
      expect(await response.json()).toEqual({ data: expect.any(Object) });
      return;
    }
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      if (!chunk.includes('data:')) continue;
      expect(chunk).toMatch(/"revision":"\d+"/);
      break;
    }
  });
});
