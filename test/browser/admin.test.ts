import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Page, Request } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startArtifexServer } from '../support/artifex-server.ts';
import { closeBrowser, openPage, type WatchedPage } from '../support/browser.ts';
import { type Instance, SAMPLES, settled, startInstance } from '../support/instance.ts';
import { newItem } from '../support/items.ts';
import { barriers, FORMS, firstLoad } from '../support/looking.ts';
import { ensurePagesBuilt } from '../support/web.ts';

const PASSWORD = 'correct horse battery';
/** A folder for screenshots, for whoever wants to look at the pages. */
const SCREENSHOTS = process.env['HEDGEROW_TEST_SCREENSHOTS'];
const PATIENCE = { timeout: 60_000 };

let garden: Instance;
let coast: Instance;
let watched: WatchedPage;
let page: Page;
/** What `look` has found. */
const unsightly: string[] = [];
/** What the coast calls the garden. */
let gardenId: string;

beforeAll(async () => {
  await ensurePagesBuilt();
  garden = await startInstance('Garden');
  coast = await startInstance('Coast');
  await garden.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
  await coast.app.library.importFiles({ paths: [join(SAMPLES, 'coast')], visibility: 'PEERS' });
  for (const { app } of [garden, coast]) {
    await app.access.users.create({ name: 'Ada', role: 'ADMIN', password: PASSWORD });
  }
  watched = await openPage(coast.url);
  page = watched.page;
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('/admin');
  await enter(page);
  await page.waitForURL(`${coast.url}/admin`);
});
afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await closeBrowser();
  await garden?.[Symbol.asyncDispose]();
  await coast?.[Symbol.asyncDispose]();
});
// No request but to the own instance, no violation of a policy, no error in a script.
afterEach(() => {
  expect(watched.complaints).toEqual([]);
  expect(unsightly.splice(0)).toEqual([]);
});

async function enter(at: Page): Promise<void> {
  await at.getByLabel('Name').fill('Ada');
  await at.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await at.getByRole('button', { name: 'Sign in' }).click();
}

/** In all four forms: what stands in the way of people, and how it looks. */
async function look(name: string, forms: readonly (typeof FORMS)[number][] = FORMS): Promise<void> {
  for (const form of forms) {
    await page.setViewportSize({ width: form.width, height: form.height });
    await page.emulateMedia({ colorScheme: form.scheme, reducedMotion: 'reduce' });
    if (SCREENSHOTS !== undefined) {
      await page.screenshot({ path: join(SCREENSHOTS, `admin ${name} ${form.name}.png`) });
    }
    unsightly.push(...(await barriers(page)).map((barrier) => `${name}, ${form.name}: ${barrier}`));
    const wide = await page.evaluate(
      "[...document.querySelectorAll('#main, dialog[open]')].filter((one) => one.scrollWidth > one.clientWidth + 1).length",
    );
    if (wide !== 0) unsightly.push(`${name}, ${form.name}: wider than its window`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
}

/** Windows are of the same parts as the pages: seen in the two forms that differ most. */
const lookAtWindow = (name: string) => look(name, SCREENSHOTS === undefined ? [FORMS[0], FORMS[3]] : FORMS);

const main = () => page.getByRole('main');
const dialog = () => page.getByRole('dialog');
const button = (name: string | RegExp) => main().getByRole('button', { name });
const fact = (name: string) =>
  main()
    .locator('.facts > div')
    .filter({ has: page.getByText(name, { exact: true }) })
    .locator('dd');

describe('the admin pages', () => {
  it('ask of the first load no more than their budget', async () => {
    const bytes = await firstLoad('admin.html');
    expect(bytes).toBeGreaterThan(20_000);
    expect(bytes).toBeLessThanOrEqual(200_000);
  });

  it('lead whoever has no peer to pairing', async () => {
    await main().getByText('No other server is paired with this one yet.').waitFor();
    await look('no peer');
    await main().getByRole('link', { name: 'Pair with another server' }).click();
    await main().getByRole('heading', { name: 'Take up an invitation' }).waitFor();
    expect(new URL(page.url()).search).toBe('?view=pair');
    await look('pair');
  });

  it('make an invitation, say what it opens, and cancel it', async () => {
    await main().getByLabel('For whom it is').fill('Garden');
    await main().getByText('What it opens').click();
    await main().getByText('Opens 6 items as of now.').waitFor();
    await main().getByText('Only some of it').click();
    await main().getByText('Videos').click();
    await main().getByText('Opens 1 item as of now.').waitFor();
    await look('narrowed invitation');
    await button('Make the invitation').click();
    await main().getByRole('heading', { name: 'The invitation is made' }).waitFor();
    await main().getByText('It opens 1 item; none of them carries the place').waitFor();
    await button('Copy').click();
    await main().getByText('Copied.').waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toMatch(/^hedgerow_pair_/);
    await look('invitation');
    await button('Cancel the invitation for Garden').click();
    await dialog().getByRole('button', { name: 'Cancel it' }).click();
    await main()
      .getByRole('cell', { name: /cancelled just now/ })
      .waitFor();
  });

  it('say what to do where a code is refused, and whom it is from before anything is sent', async () => {
    const paste = main().getByRole('textbox', { name: 'Invitation', exact: true }).last();
    await paste.fill('hedgerow_pair_abc');
    await button('Pair').click();
    await main().getByRole('alert').getByText('Copy it again from end to end.').waitFor();

    const used = await invitation(garden, {});
    const { app } = garden;
    await app.database.prisma.invitation.updateMany({ data: { cancelledAt: new Date() } });
    await paste.fill(used);
    await main().getByText('It says that it is from').waitFor();
    await button('Pair').click();
    await main().getByRole('alert').getByText('cancelled by who made it. Ask for a new one.').waitFor();
    await look('refused');
  });

  it('pair by keyboard alone, and follow the catalog as it arrives', async () => {
    const code = await invitation(garden, { mutual: true, allowPrivateEndpoint: true });
    await page.goto('/admin?view=pair');
    await main().getByRole('heading', { name: 'Take up an invitation' }).waitFor();
    await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(code)})`);
    await tabTo('textarea.code');
    await page.keyboard.press('ControlOrMeta+V');
    await main().getByText('It asks for your catalog in return.').waitFor();
    await tabTo('.check input', 'Share back');
    await page.keyboard.press('Space');
    await tabTo('button.solid', 'Pair');
    await page.keyboard.press('Enter');
    await main().getByRole('heading', { name: 'Paired with Garden' }).waitFor();
    await main().getByText('9 items of it are here.').waitFor();
    await look('paired');
    await tabTo('a.solid', 'See Garden');
    await page.keyboard.press('Enter');
    await main().getByRole('heading', { name: 'Garden', level: 1 }).waitFor();
    gardenId = new URL(page.url()).searchParams.get('peer') ?? '';
    await settled(coast, gardenId);
  });

  it('show how it goes with a peer, both ways, and move as it changes', async () => {
    await main().getByText('Connected').waitFor();
    await expect.poll(() => fact('Items here').textContent(), PATIENCE).toBe('9');
    await expect.poll(() => fact('In sync').textContent(), PATIENCE).toContain('yes');
    expect(await fact('Complete').textContent()).toContain('all of what it shares');
    expect(await fact('It may see').textContent()).toContain('Everything that is shared; with originals');
    await expect.poll(() => fact('Items it may see').textContent(), PATIENCE).toBe('6');
    await main().getByRole('table', { name: 'What was read, and when' }).getByText('Done').first().waitFor();
    await look('peer');

    // The other server tells of it, this one reads it, and the page follows: nobody loads it anew.
    await garden.app.catalog.local.add(
      Array.from({ length: 60 }, (_, at) => newItem({ title: `Leaf ${at + 1}` })),
    );
    await expect.poll(() => fact('Items here').textContent(), PATIENCE).toBe('69');
    await main().getByRole('link', { name: 'All peers' }).click();
    await main().getByText('Your peer is well').waitFor();
    await main().getByText('69 items here').waitFor();
    await look('peers');
    await main().getByRole('link', { name: 'Garden' }).click();
  });

  it('show a pull as it runs, and more of those that were', async () => {
    const { prisma } = coast.app.database;
    const { key: peerKey } = await prisma.peer.findFirstOrThrow({ where: { id: gardenId } });
    const queuedAt = new Date('2026-01-01T00:00:00Z');
    const former = { peerKey, state: 'SUCCEEDED', queuedAt, startedAt: queuedAt, finishedAt: queuedAt };
    await prisma.pull.createMany({
      data: Array.from({ length: 30 }, (_, at) => ({
        ...former,
        id: `pull_0${String(at).padStart(2, '0')}`,
      })),
    });
    const running = await prisma.pull.create({
      data: {
        peerKey,
        id: 'pull_z',
        state: 'RUNNING',
        queuedAt: new Date(),
        startedAt: new Date(),
        added: 120,
        total: 400,
      },
    });
    await page.reload();
    await main().getByText('Reading its catalog: 120 of 400 items').waitFor();
    await look('running');
    const rows = () => main().getByRole('table').locator('tbody tr').count();
    await expect.poll(rows, PATIENCE).toBe(20);
    await button('Show more').click();
    await expect.poll(rows, PATIENCE).toBeGreaterThan(30);
    expect(await button('Show more').count()).toBe(0);
    await prisma.pull.delete({ where: { id: running.id } });
    await page.reload();
    await main().getByText('Connected').waitFor();
  });

  it('share one stream of events with the gallery in the same browser', async () => {
    const context = page.context();
    const open = new Set<Request>();
    let most = 0;
    const onRequest = (request: Request) => {
      if (request.headers()['accept'] !== 'text/event-stream') return;
      open.add(request);
      most = Math.max(most, open.size);
    };
    const onEnd = (request: Request) => open.delete(request);
    await page.goto('about:blank');
    context.on('request', onRequest).on('requestfailed', onEnd).on('requestfinished', onEnd);
    await page.goto(`/admin?view=peers&peer=${gardenId}`);
    await main().getByText('Connected').waitFor();
    const gallery = await context.newPage();
    await gallery.goto('/?view=peers');
    await gallery.getByText('Connected').waitFor();
    const rename = (name: string) =>
      coast.query(
        'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { message } } }',
        { input: { id: gardenId, name } },
      );
    await rename('Garden of weeds');
    await main().getByRole('heading', { name: 'Garden of weeds', level: 1 }).waitFor();
    await gallery.getByRole('heading', { name: 'Garden of weeds' }).waitFor();
    await gallery.close();
    await rename('Garden of roses');
    await main().getByRole('heading', { name: 'Garden of roses', level: 1 }).waitFor();
    await rename('Garden');
    await main().getByRole('heading', { name: 'Garden', exact: true, level: 1 }).waitFor();
    expect(most).toBe(1);
    context.off('request', onRequest).off('requestfailed', onEnd).off('requestfinished', onEnd);
  });

  it('look at the whole way to it, step by step', async () => {
    await button('Diagnose').click();
    await dialog().getByText('The whole way is well.').waitFor();
    expect(await dialog().locator('.steps .done').count()).toBeGreaterThanOrEqual(7);
    expect(await dialog().getByRole('listitem').first().textContent()).toContain('Find its address, done');
    await lookAtWindow('diagnosis');

    // Something that takes connections and says nothing: the step that waits for it is seen to run.
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const sockets = new Set<Socket>();
    silent.on('connection', (socket) => sockets.add(socket.on('error', () => undefined)));
    const { prisma } = coast.app.database;
    const dial = (endpoint: string) => prisma.peer.update({ where: { id: gardenId }, data: { endpoint } });
    await dial(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    await dialog().getByRole('button', { name: 'Look again' }).click();
    await dialog().getByText('Looking …').waitFor();
    await dialog().getByRole('listitem').filter({ hasText: 'Ask what it is, running' }).waitFor();
    await dialog().getByRole('listitem').filter({ hasText: 'Connect, done' }).waitFor();
    await dialog().getByRole('listitem').filter({ hasText: 'Check its key, waiting' }).waitFor();
    for (const socket of sockets) socket.destroy();
    await dialog().getByText('The way ends at: ask what it is.').waitFor();
    await dial(garden.url);
    silent.close();
    // Whatever else has come to it meanwhile would wait there for long.
    for (const socket of sockets) socket.destroy();
    await settled(coast, gardenId);
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
  });

  it('change what comes from it and what goes to it, and say what is wrong with a value', async () => {
    await button('Change what comes from it').click();
    // What somebody else changes meanwhile is not changed back by a field that nobody touched.
    const { prisma } = coast.app.database;
    await prisma.peer.update({ where: { id: gardenId }, data: { endpoint: `${garden.url}/` } });
    await expect.poll(() => fact('Address').textContent(), PATIENCE).toBe(`${garden.url}/`);
    await dialog().getByLabel('Name here').fill('Gardeners');
    await dialog().getByLabel('Everybody who signs in').check();
    await dialog()
      .getByRole('radio', { name: /^Thumbnails/ })
      .check();
    await dialog().getByLabel('Room for its files', { exact: true }).fill('2.5');
    await dialog().getByLabel('Seconds between two looks').fill('5');
    await lookAtWindow('settings');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await dialog().locator('.wrong').getByText('10').waitFor();
    expect(await dialog().getByLabel('Seconds between two looks').getAttribute('aria-invalid')).toBe('true');
    await dialog().getByLabel('Seconds between two looks').fill('120');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await dialog().waitFor({ state: 'detached' });
    await main().getByRole('heading', { name: 'Gardeners', level: 1 }).waitFor();
    expect(await fact('Address').textContent()).toBe(`${garden.url}/`);
    await prisma.peer.update({ where: { id: gardenId }, data: { endpoint: garden.url } });
    expect(await fact('Who sees it').textContent()).toBe('Everybody who signs in');
    expect(await fact('Kept of it').textContent()).toBe('Thumbnails');
    expect(await fact('Kept here').textContent()).toContain('of 2.5 GB');
    expect(await fact('Asked for news').textContent()).toContain('2 minutes');

    await button('Change its limits').click();
    await dialog().getByLabel('Requests a minute').fill('600');
    await dialog().getByLabel('Bytes a second', { exact: true }).fill('2');
    await dialog().getByLabel('Bytes a second, unit').selectOption('MB');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await expect
      .poll(() => fact('Limits').textContent(), PATIENCE)
      .toContain('600 requests a minute, 2 MB a second, 64 files at once');

    await button('Change what it may see').click();
    await dialog().getByLabel('Only some of it').check();
    await dialog().getByRole('checkbox', { name: 'Videos' }).check();
    await dialog().getByLabel('Pictures for a screen').check();
    await dialog().getByText('Opens 1 item as of now.').waitFor();
    await lookAtWindow('grant');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await expect
      .poll(() => fact('It may see').textContent(), PATIENCE)
      .toContain('Videos; previews, no originals');
    await expect.poll(() => fact('Items it may see').textContent(), PATIENCE).toBe('1');
  });

  it('pause it, and decide about a mass removal that is held', async () => {
    await settled(coast, gardenId);
    await button('Pause').click();
    await dialog().getByText('Nothing new comes from it until you resume. Gardeners is not told.').waitFor();
    await lookAtWindow('pause');
    await dialog().getByRole('button', { name: 'Pause' }).click();
    await main().locator('.peer-state').getByText('Paused').waitFor();

    const leaves = await garden.app.database.prisma.item.findMany({
      where: { title: { startsWith: 'Leaf' } },
      select: { id: true },
    });
    await garden.app.catalog.local.remove(leaves.map(({ id }) => id));
    // As after a restored backup there, the whole is listed anew.
    await coast.app.database.prisma.peer.updateMany({ data: { cursor: null } });
    await button('Resume').click();
    await main().getByRole('heading', { name: 'Gardeners lists 60 items no longer' }).waitFor();
    await main().getByRole('link', { name: 'Leaf 60' }).waitFor();
    await look('held');
    await button('Keep them').click();
    await dialog().getByText('Of their bytes only what is kept here can be opened.').waitFor();
    await dialog().getByRole('button', { name: 'Cancel' }).click();
    await button('Let them go').click();
    await dialog().getByRole('button', { name: 'Let them go' }).click();
    await page.getByRole('status').getByText('60 items removed.').waitFor();
    await expect.poll(() => fact('Items here').textContent(), PATIENCE).toBe('9');
    await main()
      .getByRole('heading', { name: /no longer/ })
      .waitFor({ state: 'detached' });
  });

  it('say what is wrong with a peer that is away, what to do, and where the way ends', async () => {
    await garden.stop();
    await button('Refresh now').click();
    await main().getByRole('heading', { name: 'What is wrong' }).waitFor();
    await main().getByText('Is the other server running, and is its address right?').waitFor();
    await main().getByText('It is tried again').waitFor();
    await main().getByText('Cannot be reached').waitFor();
    await look('peer away');
    await button('Diagnose').click();
    await dialog().getByText('The way ends at: connect.').waitFor();
    await lookAtWindow('diagnosis failed');
    await page.keyboard.press('Escape');
    await main().getByRole('link', { name: 'All peers' }).click();
    await main().getByText('Your peer needs a look').waitFor();
    expect(await page.getByRole('link', { name: 'Peers 1 peer to look at' }).count()).toBe(1);
    await look('peers ill');

    await garden.start();
    await button('Refresh all').click();
    await main().getByText('Your peer is well').waitFor();
    await main().getByRole('link', { name: 'Gardeners' }).click();
  });

  it('renew its credential, and end the pairing after they have said what will happen', async () => {
    await button('New credential').click();
    await dialog().getByText('Nothing is interrupted').waitFor();
    await dialog().getByRole('button', { name: 'New credential' }).click();
    await page.getByRole('status').getByText('A new credential is here.').waitFor();

    await button('End the pairing').click();
    await dialog().getByText('9 items of Gardeners leave this catalog at once.').waitFor();
    await dialog().getByText('what it has of our 1 item is hidden there at once').waitFor();
    await dialog().getByLabel('Keep its bytes on the disk').check();
    await lookAtWindow('revoke');
    await dialog().getByRole('button', { name: 'Revoke' }).click();
    await main().getByText('No other server is paired with this one yet.').waitFor();
    await main().getByText('Ended pairings').click();
    await main().getByRole('link', { name: 'Gardeners' }).click();
    await main().getByText('This pairing has ended on').waitFor();
    expect(await fact('Kept here').textContent()).not.toBe('0 bytes');
    await main().getByRole('table', { name: 'What was read, and when' }).scrollIntoViewIfNeeded();
    await look('ended');
    await button('Delete what is kept').click();
    await dialog().getByRole('button', { name: 'Delete what is kept' }).click();
    await expect.poll(() => fact('Kept here').textContent(), PATIENCE).toBe('0 bytes');
  });

  it('add a server of another make, and let one read from here', async () => {
    await using prints = await startArtifexServer({ form: 'running' });
    prints.put('Ash');
    await page.getByRole('link', { name: 'Pair', exact: true }).click();
    await main().getByText('Read from one').click();
    await main().getByLabel('Address').fill(garden.url);
    await button('Add').click();
    await main().getByRole('alert').getByText('ask its admin for an invitation').waitFor();
    await main().getByText('Let one read from here').click();
    await look('another make');
    await main().getByLabel('Address').fill(prints.url);
    await button('Add').click();
    await main().getByRole('heading', { name: 'Prints', level: 1 }).waitFor();
    await main().getByText('It has no key').waitFor();
    await expect.poll(() => fact('Items here').textContent(), PATIENCE).toBe('1');

    await page.goBack();
    await main().getByText('Let one read from here').click();
    await main().getByLabel('What to call it here').fill('Studio');
    await button('Make the token').click();
    await main().getByRole('textbox', { name: 'The token for Studio' }).waitFor();
    expect(await main().getByRole('textbox', { name: 'The token for Studio' }).inputValue()).toMatch(
      /^\S{20,}$/,
    );
    await button('Done').click();
    await button('Make the token').waitFor();
  });
});

/** Goes on with Tab until the focus is on what is meant. */
async function tabTo(selector: string, text = ''): Promise<void> {
  const there = `document.activeElement?.matches(${JSON.stringify(selector)}) && (document.activeElement.closest('label') ?? document.activeElement).textContent.includes(${JSON.stringify(text)})`;
  for (let step = 0; step < 60; step++) {
    if ((await page.evaluate(there)) === true) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`No way by Tab to ${selector} ${text}`);
}

async function invitation(of: Instance, input: object): Promise<string> {
  const { createInvitation } = await of.query<{ createInvitation: { code: string } }>(
    'mutation ($input: CreateInvitationInput!) { createInvitation(input: $input) { code } }',
    { input },
  );
  return createInvitation.code;
}
