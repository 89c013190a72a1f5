import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeBrowser, openPage, type WatchedPage } from '../support/browser.ts';
import { type Instance, pair, SAMPLES, settled, startInstance } from '../support/instance.ts';
import { faultsOf } from '../support/looking.ts';
import { codeAt } from '../support/one-time-codes.ts';
import { ensurePagesBuilt } from '../support/web.ts';

const PASSWORD = 'hedges grow in silence';
/** A folder for screenshots, for whoever wants to look at the pages. */
const SCREENSHOTS = process.env['HEDGEROW_TEST_SCREENSHOTS'];
/** Of the garden. */
const ITEMS = 9;
const PATIENCE = { timeout: 60_000 };

let garden: Instance;
let coast: Instance;
let watched: WatchedPage;
let page: Page;
/** What the coast calls the garden. */
let gardenId: string;

beforeAll(async () => {
  await ensurePagesBuilt();
  garden = await startInstance('Garden');
  coast = await startInstance('Coast');
  await garden.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
  gardenId = await pair(garden, coast);
  await settled(coast, gardenId);
  await coast.app.access.users.create({ name: 'Ada', role: 'ADMIN', password: PASSWORD });
  watched = await openPage(coast.url);
  page = watched.page;
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('/admin?view=cache');
  await signIn(page, 'Ada', PASSWORD);
  await page.waitForURL(`${coast.url}/admin?view=cache`);
});
afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await closeBrowser();
  await garden?.[Symbol.asyncDispose]();
  await coast?.[Symbol.asyncDispose]();
});
// No request but to the own instance, no violation of a policy, no error in a script.
afterEach(() => expect(watched.complaints).toEqual([]));

async function signIn(at: Page, name: string, password: string): Promise<void> {
  await at.getByLabel('Name').fill(name);
  await at.getByLabel('Password', { exact: true }).fill(password);
  await at.getByRole('button', { name: 'Sign in' }).click();
}

const look = async (name: string) =>
  expect(await faultsOf(page, { name, screenshots: SCREENSHOTS })).toEqual([]);
const main = () => page.getByRole('main');
const dialog = () => page.getByRole('dialog');
const button = (name: string | RegExp) => main().getByRole('button', { name });
const table = (name: string) => main().getByRole('table', { name, exact: true });
const confirm = (name: string) => dialog().getByRole('button', { name, exact: true }).click();
const said = (sentence: string | RegExp) => page.getByRole('status').getByText(sentence).waitFor();
const section = async (name: string) => {
  await page.getByRole('navigation', { name: 'Sections' }).getByRole('link', { name }).click();
  await main().getByRole('heading', { level: 1, name }).waitFor();
};

describe('the cache', () => {
  it('shows what is kept of whom, and pins and deletes it by item, by peer and as a whole', async () => {
    const { media } = await coast.query<{ media: { nodes: { title: string; originalUrl: string }[] } }>(
      '{ media(origin: REMOTE, first: 1, orderBy: { field: TITLE, direction: DESC }) { nodes { title originalUrl } } }',
    );
    const { title = '', originalUrl = '' } = media.nodes[0] ?? {};
    await coast.get(originalUrl);
    const kept = async () => {
      await coast.app.delivery.flush();
      return (await coast.app.delivery.usage()).items;
    };
    // Thumbnails come after the pull.
    await expect.poll(kept, PATIENCE).toBe(ITEMS);
    await page.reload();
    await main()
      .getByText(new RegExp(` are used, by ${ITEMS} items\\. None of it is pinned\\.`))
      .waitFor();
    await table('By peer').getByRole('link', { name: 'Garden' }).waitFor();
    await look('cache');

    await button(`Pin ${title}`).click();
    await said(`${title} is pinned: what is here of it, and what will be, is never evicted.`);
    await main()
      .getByText(/of it are pinned\./)
      .waitFor();
    await main().getByLabel('Only what is pinned').check();
    await expect.poll(() => table('What is kept').getByRole('row').count(), PATIENCE).toBe(2);
    expect(new URL(page.url()).searchParams.get('pinned')).toBe('yes');
    await button(`Unpin ${title}`).click();
    await main().getByText('Nothing is kept of this.').waitFor();
    await main().getByLabel('Only what is pinned').uncheck();

    await button(`Delete what is kept of ${title}`).click();
    await dialog().getByText('Nothing is deleted where the items are from.').waitFor();
    await look('cache deletion');
    await confirm('Delete');
    await said('What was kept is deleted.');
    await main()
      .getByText(`are used, by ${ITEMS - 1} items`)
      .waitFor();
    // One of which nothing is here any more can be pinned before it is fetched.
    await main()
      .getByLabel('Item', { exact: true })
      .fill(title.split(' ')[0] ?? '');
    await button('Search').click();
    await table('Pin another item')
      .getByRole('button', { name: `Pin ${title}` })
      .click();
    await said(`${title} is pinned`);
    await main().getByLabel('Item', { exact: true }).fill('nowhereatall');
    await button('Search').click();
    await main().getByText('No item of a peer matches.').waitFor();

    await button('Delete what is kept of Garden').click();
    await dialog().getByText('What is pinned goes too, and is pinned no longer.').waitFor();
    await confirm('Cancel');
    await button('Delete everything that is kept').click();
    await confirm('Delete');
    await main().getByText('Nothing is kept of any peer.').waitFor();
    await look('cache empty');
  });
});

describe('the audit', () => {
  it('says who did what, narrowed by what stands in the address', async () => {
    await section('Audit');
    const rows = table('Audit').getByRole('row');
    await rows.filter({ hasText: 'Purge cache' }).first().waitFor();
    await rows.filter({ hasText: 'Ada' }).first().waitFor();
    expect(await rows.filter({ hasText: 'Media served' }).count()).toBe(0);
    await look('audit');

    await main().getByLabel('By', { exact: true }).selectOption('People, in a browser');
    await main().getByLabel('What', { exact: true }).fill('pinMedia, purgeCache');
    await button('Show').click();
    await expect.poll(() => rows.filter({ hasNotText: /Pin media|Purge cache/ }).count(), PATIENCE).toBe(1);
    const { searchParams } = new URL(page.url());
    expect([searchParams.get('by'), searchParams.get('action')]).toEqual(['USER', 'pinMedia, purgeCache']);
    await page.reload();
    await expect.poll(() => rows.count(), PATIENCE).toBe(6);

    // The file has what is filtered, and nothing else.
    const waiting = page.waitForEvent('download');
    await main().getByRole('link', { name: 'For programs (NDJSON)' }).click();
    const lines = (await readFile(await (await waiting).path(), 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).action).toSorted()).toEqual([
      'pinMedia',
      'pinMedia',
      'pinMedia',
      'purgeCache',
      'purgeCache',
    ]);

    await main().getByLabel('Until').fill('2001-01-01');
    await button('Show').click();
    await main().getByText('Nothing of this kind has happened.').waitFor();
    await main().getByRole('link', { name: 'Clear all' }).click();
    await rows.filter({ hasText: 'Ada' }).first().waitFor();
    await main().getByRole('link', { name: 'Everything' }).click();
    await rows
      .filter({ hasText: /Pair with peer/i })
      .first()
      .waitFor();
    await main().getByRole('link', { name: 'Peers', exact: true }).click();
    await expect.poll(() => page.url(), PATIENCE).toMatch(/part=peers/);
    await look('audit of peers');
  });
});

describe('people', () => {
  it('are added by a link that is shown once, or with a password', async () => {
    await section('People');
    await table('People').getByText('you').waitFor();
    await main().getByLabel('Name').fill('Ada');
    await button('Add').click();
    await main().getByRole('alert').waitFor();
    expect(await main().getByLabel('Name').getAttribute('aria-invalid')).toBe('true');
    await look('people');
    await main().getByLabel('Name').fill('Edda');
    await main().getByRole('radio', { name: 'Editor' }).check();
    await button('Add').click();
    await main().getByRole('heading', { name: 'Link for Edda' }).waitFor();
    await look('link');
    await button('Copy').click();
    await main().getByText('Copied.').waitFor();
    const link = String(await page.evaluate('navigator.clipboard.readText()'));

    await using other = await openPage(coast.url);
    await other.page.goto(link);
    await other.page
      .getByLabel('New password', { exact: true })
      .or(other.page.getByLabel('Password', { exact: true }))
      .fill('rivers run to the sea');
    await other.page
      .getByRole('button', { name: /password/i })
      .last()
      .click();
    await other.page.waitForURL(`${coast.url}/`);
    await button('Done').click();
    await table('People')
      .getByRole('row', { name: /Edda Editor can sign in/ })
      .waitFor();

    await main().getByLabel('Name').fill('Olga');
    await main().getByRole('radio', { name: 'I set it now' }).check();
    await main().getByLabel('Password', { exact: true }).fill(PASSWORD);
    await button('Add').click();
    await main().getByRole('heading', { name: 'Olga can sign in.' }).waitFor();
    await button('Done').click();

    await main().getByRole('link', { name: 'Edda' }).click();
    await main().getByRole('heading', { level: 1, name: 'Edda' }).waitFor();
    await table('Browsers that are signed in').getByRole('row').nth(1).waitFor();
    const ask = async (field: string) => {
      const answer = await other.page.request.post(`${coast.url}/graphql`, {
        headers: { 'x-hedgerow-csrf': '1' },
        data: { query: `mutation { ${field} }` },
      });
      return (await answer.json()).data;
    };
    const { beginSecondFactor } = await ask(
      'beginSecondFactor(input: { currentPassword: "rivers run to the sea" }) { secret }',
    );
    await ask(
      `confirmSecondFactor(input: { code: "${codeAt(beginSecondFactor.secret)}" }) { recoveryCodes }`,
    );
    await page.reload();
    await main().getByText('asked for when signing in').waitFor();
    await button('Take the second factor off').click();
    await confirm('Take the second factor off');
    await said('Edda signs in with the password alone.');
    await expect.poll(() => button('Take the second factor off').count(), PATIENCE).toBe(0);
    await main().getByRole('radio', { name: 'Viewer' }).check();
    await button('Save').click();
    await said('Saved.');
    await look('person');
    await button('Shut out').click();
    await dialog().getByText('Every browser of this person is signed out at once').waitFor();
    await look('shutting out');
    await confirm('Shut out');
    await main().getByText('shut out', { exact: true }).waitFor();
    await main().getByText('Nowhere.').waitFor();
    await other.page.goto('/');
    await other.page.waitForURL(/sign-in/);
    await button('Let in again').click();
    await main().getByText('can sign in', { exact: true }).waitFor();
    await button('Void the password').click();
    await confirm('Void the password');
    await said('The password of Edda is void.');
    await main().getByRole('textbox', { name: 'Link for Edda' }).waitFor();
    await main().getByRole('link', { name: 'All people' }).click();
    await table('People').getByText('Olga').waitFor();
  });

  it('cannot leave the server without an admin', async () => {
    await main().getByRole('link', { name: 'Ada' }).click();
    await button('Shut out').click();
    await confirm('Shut out');
    await dialog().getByRole('alert').waitFor();
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
    await main().getByText('this one').waitFor();
    await main().getByRole('textbox', { name: 'Name' }).fill('Ada Lovelace');
    await button('Save').click();
    await page.getByRole('button', { name: 'Account' }).and(page.getByTitle('Ada Lovelace')).waitFor();
  });
});

describe('tokens', () => {
  it('are made with keys alone, shown once, and revoked', async () => {
    await section('Tokens');
    await main().getByText('You have no token.').waitFor();
    await look('no tokens');
    await main().getByLabel('Name').focus();
    await page.keyboard.type('Frame in the hall');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    await main().getByRole('heading', { name: 'The token Frame in the hall' }).waitFor();
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('make');
    await look('token');
    const token = await main().getByRole('textbox', { name: 'Token' }).inputValue();
    const asked = await fetch(`${coast.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: '{ viewer { scopes } }' }),
    });
    expect(await asked.json()).toEqual({ data: { viewer: { scopes: ['CATALOG_READ', 'MEDIA_READ'] } } });
    await button('Done').click();
    expect(await page.content()).not.toContain(token);
    await table('Tokens').getByText('Read the catalog; Read pictures, films and papers').waitFor();
    await look('tokens');
    await button('Revoke Frame in the hall').click();
    await confirm('Revoke');
    await main().getByText('You have no token.').waitFor();
    // None at all may nothing.
    await main().getByLabel('Name').fill('Nothing');
    await main().getByRole('checkbox', { name: 'Read the catalog' }).uncheck();
    await button('Make').click();
    await main().getByRole('alert').waitFor();
  });
});

describe('agents', () => {
  it('are published, changed and removed, beside those of peers', async () => {
    await garden.app.federation.publishAgents([
      {
        name: 'Gardener',
        description: 'Names plants.',
        url: 'https://garden.example/agent',
        skills: ['plants'],
      },
    ]);
    await section('Agents');
    await main().getByText('Peers are told of none.').waitFor();
    await button('Add an agent').click();
    await dialog().getByLabel('Name').fill('Librarian');
    await dialog().getByLabel('What it can do').fill('titles, tags');
    await dialog().getByLabel('Where it is found').fill('ftp://coast.example');
    await confirm('Publish');
    await dialog().getByRole('alert').waitFor();
    await look('agent');
    await dialog().getByLabel('Where it is found').fill('https://coast.example/agent');
    await confirm('Publish');
    await main().getByText('titles, tags').waitFor();
    await button('Change Librarian').click();
    await dialog().getByLabel('Version').fill('2');
    await confirm('Publish');
    await main().getByText('Version 2').waitFor();
    await coast.query('mutation ($id: ID!) { refreshPeer(input: { id: $id }) { pulls { id } } }', {
      id: gardenId,
    });
    await main().getByText('Names plants.').waitFor();
    await look('agents');
    await button('Remove Librarian').click();
    await confirm('Remove');
    await main().getByText('Peers are told of none.').waitFor();
  });
});

describe('settings', () => {
  it('say what the server is, and change its key only for whoever knows what that means', async () => {
    await section('Settings');
    const thumbprint = main().getByRole('textbox', { name: 'Thumbprint' });
    const before = await thumbprint.inputValue();
    expect(before).toBe(coast.app.federation.instance().thumbprint);
    await look('settings');
    await button('Change the key').click();
    await dialog().getByText('1 peer follows by itself').waitFor();
    await look('key change');
    await confirm('Change the key');
    await dialog().getByText('Say that you know it').waitFor();
    await dialog().getByRole('checkbox').check();
    await confirm('Change the key');
    await said('The key is changed.');
    await expect.poll(() => thumbprint.inputValue(), PATIENCE).not.toBe(before);
    for (const path of ['./schema.graphql', './openapi.json']) {
      expect((await page.request.get(new URL(path, page.url()).href)).status()).toBe(200);
    }
    expect(
      await main().getByRole('link', { name: 'GraphiQL, with examples to try' }).getAttribute('href'),
    ).toBe('./graphql');
  });

  it('end for whoever signs the own browser out', async () => {
    await section('People');
    await main().getByRole('link', { name: 'Ada Lovelace' }).click();
    await button(/^Sign out Chrome/).click();
    await dialog().getByText('It is the browser that you are in').waitFor();
    await confirm('Sign out');
    await page.waitForURL(/sign-in/);
  });
});
