import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from 'otpauth';
import type { Page, Request } from 'playwright-core';
import { encode } from 'uqr';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { secretUrl } from '../../src/access/one-time-codes.ts';
import { closeBrowser, openPage, type WatchedPage } from '../support/browser.ts';
import { type Instance, pair, SAMPLES, settled, startInstance } from '../support/instance.ts';
import { newItem } from '../support/items.ts';
import { barriers as barriersOf, faultsOf, firstLoad } from '../support/looking.ts';
import { codeAt, wrongCodeAt } from '../support/one-time-codes.ts';
import { ensurePagesBuilt } from '../support/web.ts';

const PASSWORD = 'correct horse battery';
/** A folder for screenshots, for whoever wants to look at the pages. */
const SCREENSHOTS = process.env['HEDGEROW_TEST_SCREENSHOTS'];
const PATIENCE = { timeout: 60_000 };
/** Bytes of compressed script that the first page may take. */
const FIRST_LOAD_MAX = 200_000;

let garden: Instance;
let coast: Instance;
let watched: WatchedPage;
let page: Page;

beforeAll(async () => {
  await ensurePagesBuilt();
  garden = await startInstance('Garden');
  coast = await startInstance('Coast');
  await garden.app.library.importFiles({
    paths: [join(SAMPLES, 'garden'), join(SAMPLES, 'formats')],
    visibility: 'PEERS',
  });
  await coast.app.library.importFiles({ paths: [join(SAMPLES, 'coast')], visibility: 'PEERS' });
  await settled(coast, await pair(garden, coast));
  await coast.app.access.users.create({ name: 'Ada', role: 'ADMIN', password: PASSWORD });
  watched = await openPage(coast.url);
  page = watched.page;
  await enter('/');
});
afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await closeBrowser();
  await garden?.[Symbol.asyncDispose]();
  await coast?.[Symbol.asyncDispose]();
});
// No request but to the own instance, no violation of a policy, no error in a script.
afterEach(() => expect(watched.complaints).toEqual([]));

async function enter(path: string): Promise<void> {
  await page.goto(path);
  await page.getByLabel('Name').fill('Ada');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${coast.url}${path}`);
}

async function shot(name: string): Promise<void> {
  if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, `gallery ${name}.png`) });
}

const barriers = () => barriersOf(page);

async function settledPictures(): Promise<void> {
  await page.locator('.tile img.there').first().waitFor();
  await expect
    .poll(
      () => page.evaluate("document.querySelectorAll('.tile img:not(.there), .tile.empty').length"),
      PATIENCE,
    )
    .toBe(0);
}

async function openDetails(): Promise<void> {
  await settledPictures();
  await page.locator('.tile .open').first().click();
  await page.getByRole('button', { name: 'Details' }).click();
  await page.getByRole('complementary', { name: 'Details' }).waitFor();
  await page.locator('img.whole.there').waitFor();
}

async function openKeys(): Promise<void> {
  await settledPictures();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
}

const scrolled = () => page.evaluate("document.querySelector('.scroller').scrollTop") as Promise<number>;
const status = () => page.locator('.status').textContent();

describe('the gallery', () => {
  it('asks of the first load no more than its budget', async () => {
    const bytes = await firstLoad('index.html');
    expect(bytes).toBeGreaterThan(20_000);
    expect(bytes).toBeLessThanOrEqual(FIRST_LOAD_MAX);
  });

  it('shows own and remote items in one timeline, with what each is and where it is', async () => {
    await page.getByText('19 items in one catalog: 6 of this server, 13 of its peers.').waitFor();
    await settledPictures();
    expect(
      await page.getByRole('link', { name: /video, .*0:02, from Garden, On demand/ }).count(),
    ).toBeGreaterThan(0);
    const own = page.getByRole('link', { name: /^Shells, picture/i });
    expect(await own.getAttribute('aria-label')).not.toContain('from');
    expect(await page.getByRole('heading', { level: 2 }).count()).toBeGreaterThan(0);
    await shot('timeline');
  });

  it.each([
    ['the timeline', '/', settledPictures],
    ['albums', '/?view=albums', () => page.locator('main .quiet, main li').first().waitFor()],
    ['peers', '/?view=peers', () => page.locator('main li').first().waitFor()],
    ['the viewer', '/', openDetails],
    ['keys', '/', openKeys],
  ] as const)(
    'has no barrier that axe finds, wide and narrow, in light and dark: %s',
    async (name, path, ready) => {
      await page.setViewportSize({ width: 1280, height: 844 });
      await page.goto(path);
      await ready();
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 844 });
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          if (name === 'the timeline') await settledPictures();
          expect(await barriers(), `${name}, ${width}, ${colorScheme}`).toEqual([]);
          expect(
            await page.evaluate('document.documentElement.scrollWidth - innerWidth'),
          ).toBeLessThanOrEqual(0);
          await shot(`${name} ${width} ${colorScheme}`);
        }
      }
      await page.setViewportSize({ width: 1280, height: 800 });
    },
  );

  it('reads its list once, and follows it from where the page was served', async () => {
    const asked: string[] = [];
    const watch = (request: Request) => {
      const operation = /(?:query|subscription) (\w+)/.exec(request.postData() ?? '')?.[1];
      if (operation !== undefined) asked.push(operation);
    };
    page.on('request', watch);
    await page.goto('/');
    await settledPictures();
    const times = (operation: string) => asked.filter((one) => one === operation).length;
    // Peers are read again once the stream is there: whatever its first event says of the catalog was heard by then.
    await expect.poll(() => times('GalleryPlaces'), PATIENCE).toBe(2);
    page.off('request', watch);
    expect([times('GalleryFrame'), times('GalleryPage')]).toEqual([1, 0]);
  });

  it('filters by chips and words, all of which stand in the address', async () => {
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    await page.goto('/');
    await page.getByRole('button', { name: 'Garden' }).click();
    await page.getByRole('heading', { level: 1, name: 'Garden' }).waitFor();
    await page.getByText('Connected').waitFor();
    await expect.poll(status, PATIENCE).toBe('13 items.');
    await page.getByLabel('Kind').selectOption('Videos');
    await expect.poll(status, PATIENCE).toBe('4 items.');
    const { search } = new URL(page.url());
    expect(search).toMatch(/^\?from=peer_[^&]+&kind=video$/);
    await shot('filtered');

    await page.reload();
    await expect.poll(status, PATIENCE).toBe('4 items.');
    expect(await page.getByRole('button', { name: 'Garden' }).getAttribute('aria-pressed')).toBe('true');
    await page.goBack();
    await expect.poll(status, PATIENCE).toBe('13 items.');
    await page.getByRole('button', { name: 'This server' }).click();
    await expect.poll(status, PATIENCE).toBe('6 items.');
    expect(await page.getByRole('link', { name: /from Garden/ }).count()).toBe(0);
    await page.getByRole('button', { name: 'Clear all' }).click();
    await page.getByText('19 items in one catalog').waitFor();

    // One step back for the whole word, not for each of its letters.
    const asked: string[] = [];
    const watch = (request: { postData(): string | null }) => {
      if (request.postData()?.includes('query GalleryFrame') === true) asked.push(request.postData() ?? '');
    };
    page.on('request', watch);
    await page.keyboard.press('/');
    await page.keyboard.type('lighthouse', { delay: 20 });
    await expect.poll(status, PATIENCE).toBe('1 item.');
    page.off('request', watch);
    expect(new URL(page.url()).search).toBe('?q=lighthouse');
    expect(asked.length).toBeLessThan('lighthouse'.length);
    await page.getByLabel('Search', { exact: true }).fill('nowhereatall');
    await page.getByText('Fewer words or filters show more.').waitFor();
    await shot('nothing matches');
    await page.goBack();
    await page.getByText('19 items in one catalog').waitFor();
    expect(await page.getByLabel('Search', { exact: true }).inputValue()).toBe('');
    await page.getByLabel('Order').selectOption('By title');
    await expect
      .poll(() => page.locator('.tile .open').first().getAttribute('title'), PATIENCE)
      .toMatch(/^A /);
    expect(await page.getByRole('heading', { level: 2 }).count()).toBe(0);
  });

  it('has a page for each album, and one that shows them all', async () => {
    const ids = await coast.query<{ media: { nodes: { id: string }[] } }>(
      '{ media(origin: LOCAL, first: 2) { nodes { id } } }',
    );
    await coast.query(
      'mutation ($ids: [ID!]!) { createAlbum(input: { title: "By the sea", mediaIds: $ids }) { album { id } } }',
      {
        ids: ids.media.nodes.map(({ id }) => id),
      },
    );
    await page.goto('/?view=albums');
    await page.getByRole('link', { name: /By the sea/ }).click();
    await page.getByRole('heading', { level: 1, name: 'By the sea' }).waitFor();
    await expect.poll(status, PATIENCE).toBe('2 items.');
    expect(await page.title()).toBe('By the sea · Coast');
    expect(await page.getByLabel('Album').locator('option:checked').textContent()).toBe('By the sea');
  });

  it('opens an item, walks by keys and buttons, and comes back to where it was', async () => {
    await page.goto('/');
    await settledPictures();
    const titles = (await page.evaluate(
      "[...document.querySelectorAll('.tile .open')].map((link) => link.title)",
    )) as string[];
    const first = page.locator('.tile .open').first();
    await first.focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await expect.poll(() => dialog.getAttribute('aria-label'), PATIENCE).toBe(titles[1]);
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => dialog.getAttribute('aria-label'), PATIENCE).toBe(titles[2]);
    await page.getByRole('button', { name: 'Previous' }).click();
    await page.getByRole('button', { name: 'Previous' }).click();
    await expect.poll(() => dialog.getAttribute('aria-label'), PATIENCE).toBe(titles[0]);
    expect(await page.getByRole('button', { name: 'Previous' }).count()).toBe(0);
    // The address is that of the item: it can be passed on, and finds its neighbours again.
    await page.reload();
    await expect.poll(() => dialog.getAttribute('aria-label'), PATIENCE).toBe(titles[0]);
    await page.getByRole('button', { name: 'Next' }).click();
    await expect.poll(() => dialog.getAttribute('aria-label'), PATIENCE).toBe(titles[1]);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(new URL(page.url()).search).toBe('');
    await expect.poll(() => page.evaluate('document.activeElement.title'), PATIENCE).toBe(titles[1]);
  });

  it('zooms a picture by keys, wheel and double click, and moves it only then', async () => {
    await page.goto('/?q=lighthouse');
    await page.getByRole('link', { name: /lighthouse/i }).click();
    await page.locator('img.whole.there').waitFor();
    const scale = () => page.locator('.moved').getAttribute('data-scale');
    expect(await scale()).toBe('1.00');
    expect(await page.locator('img.fine').count()).toBe(0);
    await page.keyboard.press('+');
    expect(await scale()).toBe('1.50');
    await page.locator('img.fine.there').waitFor();
    await page.mouse.move(640, 400);
    await page.mouse.wheel(0, -400);
    await expect.poll(scale).toBe('3.34');
    await page.keyboard.press('0');
    expect(await scale()).toBe('1.00');
    await page.mouse.dblclick(300, 300);
    await expect.poll(scale).toBe('2.50');
    const place = () => page.evaluate("getComputedStyle(document.querySelector('.moved')).transform");
    const before = await place();
    await page.mouse.down();
    await page.mouse.move(340, 330, { steps: 3 });
    await page.mouse.up();
    expect(await place()).not.toBe(before);
    await page.keyboard.press('Escape');
  });

  it('leafs through the pages of a remote PDF, of which it fetches and draws what is looked at', async () => {
    await page.goto('/?kind=document');
    await page.getByRole('link', { name: /Almanac.*4 pages.*from Garden/ }).click();
    const pages = page.getByRole('dialog').getByRole('region');
    await page.getByText('Page 1 of 4').waitFor();
    const first = page.getByRole('img', { name: 'Page 1 of 4' });
    await expect.poll(() => first.getAttribute('class'), PATIENCE).toBe('there');
    // What is drawn can be read out, too.
    await pages.getByText('What to look for, season by season.').waitFor({ state: 'attached' });
    expect(await page.getByRole('img', { name: 'Page 4 of 4' }).count()).toBe(0);
    expect(await barriers()).toEqual([]);
    await shot('pages');
    await page.keyboard.press('+');
    await expect
      .poll(async () => (await pages.locator('.page').first().boundingBox())?.width ?? 0, PATIENCE)
      .toBeGreaterThan(1_200);
    await page.keyboard.press('0');
    await pages.focus();
    await page.keyboard.press('End');
    await page.getByText('Page 4 of 4').waitFor();
    await expect
      .poll(() => page.getByRole('img', { name: 'Page 4 of 4' }).getAttribute('class'), PATIENCE)
      .toBe('there');
    expect(await pages.locator('.page').count()).toBeLessThan(4);
    await page.keyboard.press('Escape');
  });

  it('fills the screen and leaves it again, by key and button', async () => {
    await page.goto('/?q=lighthouse');
    await page.getByRole('link', { name: /lighthouse/i }).click();
    await page.locator('img.whole.there').waitFor();
    const full = () => page.evaluate("document.fullscreenElement?.className ?? ''");
    await page.keyboard.press('f');
    await expect.poll(full, PATIENCE).toContain('viewer');
    await page.getByRole('button', { name: 'Leave full screen' }).click();
    await expect.poll(full, PATIENCE).toBe('');
    await page.getByRole('button', { name: 'Full screen', exact: true }).click();
    await expect.poll(full, PATIENCE).toContain('viewer');
    await page.keyboard.press('f');
    await expect.poll(full, PATIENCE).toBe('');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('is leafed through by swipes and looked at closer with two fingers, and a swipe then moves the picture', async () => {
    const { cookies } = await page.context().storageState();
    await using phone = await openPage(coast.url, {
      ...{ hasTouch: true, isMobile: true, viewport: { width: 390, height: 800 } },
      storageState: { cookies, origins: [] },
    });
    await phone.page.goto('/?kind=image&sort=title');
    await phone.page.locator('.tile img.there').first().waitFor();
    const titles = (await phone.page.evaluate(
      "[...document.querySelectorAll('.tile .open')].map((link) => link.title)",
    )) as string[];
    await phone.page.locator('.tile .open').first().tap();
    const dialog = phone.page.getByRole('dialog');
    const title = () => dialog.getAttribute('aria-label');
    await expect.poll(title, PATIENCE).toBe(titles[0]);
    const client = await phone.page.context().newCDPSession(phone.page);
    type Point = [x: number, y: number];
    /** Fingers go down, along the way, and up. */
    const touch = async (...way: Point[][]) => {
      for (const [at, fingers] of way.entries()) {
        await client.send('Input.dispatchTouchEvent', {
          type: at === 0 ? 'touchStart' : 'touchMove',
          touchPoints: fingers.map(([x, y], id) => ({ x, y, id })),
        });
      }
      await client.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    };
    const swipe = (from: number, to: number) => touch([[from, 400]], [[(from + to) / 2, 402]], [[to, 404]]);
    const ready = () => phone.page.locator('img.whole.there').waitFor();
    await ready();
    await phone.page.getByRole('button', { name: 'Next' }).waitFor();
    await swipe(320, 80);
    await expect.poll(title, PATIENCE).toBe(titles[1]);
    await ready();
    // A finger that goes down and up a little is no swipe.
    await touch([[200, 400]], [[212, 405]]);
    await swipe(80, 320);
    await expect.poll(title, PATIENCE).toBe(titles[0]);
    await ready();

    const scale = async () => Number(await phone.page.locator('.moved').getAttribute('data-scale'));
    const pinch = (from: number, to: number) =>
      touch(
        [
          [195 - from, 400],
          [195 + from, 400],
        ],
        [
          [195 - (from + to) / 2, 400],
          [195 + (from + to) / 2, 400],
        ],
        [
          [195 - to, 400],
          [195 + to, 400],
        ],
      );
    await pinch(30, 120);
    await expect.poll(scale, PATIENCE).toBeGreaterThan(2.5);
    const moved = () => phone.page.evaluate("getComputedStyle(document.querySelector('.moved')).transform");
    const before = await moved();
    await swipe(320, 80);
    await expect.poll(moved, PATIENCE).not.toBe(before);
    expect(await title()).toBe(titles[0]);
    await pinch(150, 20);
    await expect.poll(scale, PATIENCE).toBe(1);
    // Downwards it is put away.
    await touch([[195, 300]], [[195, 420]], [[196, 560]]);
    await dialog.waitFor({ state: 'detached' });
    expect(phone.complaints).toEqual([]);
  });

  it('says of an item what is known, from whom it is and who has it too', async () => {
    await page.goto('/?q=lighthouse');
    await page.getByRole('link', { name: /lighthouse/i }).click();
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('i');
    const details = page.getByRole('complementary', { name: 'Details' });
    await details.waitFor();
    const text = (await details.textContent()) ?? '';
    expect(text).toContain('Of this server');
    expect(text).toContain('This server and paired peers');
    expect(text).toMatch(/px/);
    expect(text).toMatch(/[0-9a-f]{64}/);
    await page.keyboard.press('Escape');

    await page.goto('/?q=dawn');
    await page.getByRole('link', { name: /Dawn over the valley/ }).click();
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('i');
    await details.getByText('From Garden, read-only here').waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('d')]);
    expect(download.suggestedFilename()).toMatch(/\.jpe?g$/);
    await page.keyboard.press('Escape');
  });

  it('leads whoever opens a shared address through the sign-in, and to that place', async () => {
    await page.goto('/');
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(`${coast.url}/sign-in`);
    await page.goto('/?kind=video');
    await page.waitForURL(/sign-in\?next=/);
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(`${coast.url}/?kind=video`);
    await expect.poll(status, PATIENCE).toBe('5 items.');
  });
});

describe('the own account', () => {
  let own: WatchedPage;
  let mine: Page;
  let secret = '';
  let codes: string[] = [];
  /** Ms since 1970 of the code that was used last. */
  let used = 0;

  beforeAll(async () => {
    await coast.app.access.users.create({ name: 'Bea', role: 'VIEWER', password: PASSWORD });
    own = await openPage(coast.url);
    mine = own.page;
    await mine.goto('/account');
    await mine.waitForURL(`${coast.url}/sign-in?next=%2Faccount`);
    await mine.getByLabel('Name').fill('Bea');
    await mine.getByLabel('Password', { exact: true }).fill(PASSWORD);
    expect(await mine.getByLabel('Code').isVisible()).toBe(false);
    await mine.getByRole('button', { name: 'Sign in' }).click();
    await mine.waitForURL(`${coast.url}/account`);
  });
  afterAll(() => own?.[Symbol.asyncDispose]());
  afterEach(() => expect(own.complaints).toEqual([]));

  async function shotOfMine(name: string): Promise<void> {
    if (SCREENSHOTS !== undefined) await mine.screenshot({ path: join(SCREENSHOTS, `account ${name}.png`) });
  }

  it('is reached from the gallery', async () => {
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('link', { name: 'Your account' }).click();
    await page.waitForURL(`${coast.url}/account`);
    await page.getByText('Ada · admin').waitFor();
    expect(await faultsOf(page, { name: 'account', screenshots: SCREENSHOTS })).toEqual([]);
    await page.goBack();
    await page.getByRole('search').waitFor();
  });

  it('takes a second factor by a picture that is drawn here, and shows recovery codes once', async () => {
    await mine.getByText('Set up an app').click();
    await mine.getByLabel('Current password').first().fill('not the password');
    await mine.getByRole('button', { name: 'Go on' }).click();
    await mine.getByRole('alert').getByText('The current password is wrong.').waitFor();
    await mine.getByLabel('Current password').first().fill(PASSWORD);
    await mine.getByRole('button', { name: 'Go on' }).click();
    const picture = mine.getByRole('img', { name: 'QR code for the authenticator app' });
    await picture.waitFor();
    secret = (await mine.locator('code.secret').textContent()) ?? '';
    expect(secret).toMatch(/^([A-Z2-7]{4} ){7}[A-Z2-7]{4}$/);
    // What the picture says, drawn once more.
    const bytes = Secret.fromBase32(secret.replaceAll(' ', '')).bytes;
    const { data, size } = encode(secretUrl(bytes, { instance: 'Coast', name: 'Bea' }), {
      ecc: 'M',
      border: 4,
    });
    expect(await picture.getAttribute('viewBox')).toBe(`0 0 ${size} ${size}`);
    const dark = ((await picture.locator('path').getAttribute('d')) ?? '').match(/M\d+ \d+/g);
    expect(dark).toEqual(data.flatMap((row, y) => row.flatMap((on, x) => (on ? [`M${x} ${y}`] : []))));
    await shotOfMine('picture');
    await mine.getByLabel('Code that the app shows').fill(wrongCodeAt(secret));
    await mine.getByRole('button', { name: 'Turn it on' }).click();
    await mine.getByRole('alert').getByText('The code is wrong').waitFor();
    used = Date.now();
    await mine.getByLabel('Code that the app shows').fill(codeAt(secret, used));
    await mine.getByRole('button', { name: 'Turn it on' }).click();
    await mine.getByRole('heading', { name: 'Recovery codes' }).waitFor();
    codes = await mine.locator('.codes code').allTextContents();
    expect(codes).toHaveLength(10);
    await shotOfMine('recovery codes');
    await mine.getByRole('button', { name: 'I have kept them' }).click();
    await mine.getByText(/^On since .*; 10 recovery codes left\.$/).waitFor();
    expect(await mine.getByText(codes[0] ?? '').count()).toBe(0);
  });

  it('is asked for at the sign-in, after the password', async () => {
    await mine.evaluate("fetch('./session', { method: 'DELETE' }).then(() => undefined)");
    await mine.goto('/account');
    await mine.getByLabel('Name').fill('bea');
    await mine.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await mine.getByRole('button', { name: 'Sign in' }).click();
    const code = mine.getByLabel('Code');
    await code.waitFor();
    expect(await mine.getByRole('alert').count()).toBe(0);
    await shotOfMine('sign-in');
    await code.fill(wrongCodeAt(secret));
    await mine.getByRole('button', { name: 'Sign in' }).click();
    await mine.getByRole('alert').getByText('The code is wrong, or was used already.').waitFor();
    used += 30_000;
    await code.fill(codeAt(secret, used));
    await mine.getByRole('button', { name: 'Sign in' }).click();
    await mine.waitForURL(`${coast.url}/account`);
    await mine.getByText('10 recovery codes left').waitFor();
  });

  it('has the password changed, and other browsers signed out', async () => {
    await using elsewhere = await openPage(coast.url);
    const other = elsewhere.page;
    await other.goto('/sign-in');
    await other.getByLabel('Name').fill('Bea');
    await other.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByLabel('Code').fill(codes[0] ?? '');
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.waitForURL(`${coast.url}/`);
    await mine.reload();
    await mine.getByText('9 recovery codes left').waitFor();
    await mine.getByText('This one').waitFor();
    expect(await mine.getByRole('listitem').count()).toBe(2);
    await mine.getByRole('button', { name: 'Sign out' }).click();
    await expect.poll(() => mine.getByRole('listitem').count(), PATIENCE).toBe(1);
    // By itself, since its stream has ended, or because it asks: whichever comes first.
    await other.goto('/account').catch(() => {});
    await other.waitForURL(/sign-in/);

    await mine.getByText('Change the password').first().click();
    const section = mine.locator('section', { has: mine.getByRole('heading', { name: 'Password' }) });
    const change = async (password: string) => {
      await section.getByLabel('Current password').fill(PASSWORD);
      await section.getByLabel('New password').fill(password);
      await section.getByRole('button', { name: 'Change the password' }).click();
    };
    await change('passwordpassword');
    await section.getByRole('alert').getByText('too easy to guess').waitFor();
    await change('a hedge of hazel');
    await section.getByRole('status').getByText('The password is changed').waitFor();
    expect(await section.getByLabel('New password').inputValue()).toBe('');
    await shotOfMine('password changed');
  });

  it('has recovery codes renewed, and the second factor turned off, with password and code', async () => {
    const sendWith = async (summary: string, button: string, code: string) => {
      const part = mine.locator('details', { has: mine.getByText(summary, { exact: true }) });
      if ((await part.getAttribute('open')) === null) await part.locator('summary').click();
      await part.getByLabel('Current password').fill('a hedge of hazel');
      await part.getByLabel('Code').fill(code);
      await part.getByRole('button', { name: button }).click();
    };
    await sendWith('New recovery codes', 'Make new ones', codes[1] ?? '');
    await mine.getByRole('heading', { name: 'Recovery codes' }).waitFor();
    const renewed = await mine.locator('.codes code').allTextContents();
    await mine.getByRole('button', { name: 'I have kept them' }).click();
    await sendWith('Turn it off', 'Turn it off', codes[2] ?? '');
    await mine.getByRole('alert').getByText('The code is wrong').waitFor();
    await sendWith('Turn it off', 'Turn it off', renewed[0] ?? '');
    await mine.getByText('Set up an app').waitFor();
    await mine.evaluate("fetch('./session', { method: 'DELETE' }).then(() => undefined)");
    await mine.goto('/account');
    await mine.getByLabel('Name').fill('Bea');
    await mine.getByLabel('Password', { exact: true }).fill('a hedge of hazel');
    await mine.getByRole('button', { name: 'Sign in' }).click();
    await mine.waitForURL(`${coast.url}/account`);
  });
});

describe('own items', () => {
  beforeAll(async () => {
    await page.goto('/');
    await page.getByText('19 items in one catalog').waitFor();
  });

  it('are uploaded with the picker, go on after a lost connection, and appear by themselves', async () => {
    let cut = 0;
    await page.route('**/uploads/*', async (route) => {
      if (route.request().method() !== 'PATCH' || cut > 0) return route.fallback();
      cut += 1;
      return route.abort('connectionreset');
    });
    await page.locator('input[type=file]').setInputFiles(join(SAMPLES, 'garden', 'sunflower.webp'));
    const panel = page.getByRole('region', { name: 'Uploads' });
    await panel.getByText('The connection was lost').waitFor();
    await shot('upload lost');
    await panel.getByText('1 file uploaded').waitFor();
    expect(cut).toBe(1);
    await page.unroute('**/uploads/*');
    await page.getByText('20 items in one catalog: 7 of this server, 13 of its peers.').waitFor();
    await panel.getByRole('button', { name: 'Close' }).click();
    await panel.waitFor({ state: 'detached' });
  });

  it('are not made of just anything, which is said', async () => {
    await page
      .locator('input[type=file]')
      .setInputFiles({ name: 'notes.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture at all') });
    const panel = page.getByRole('region', { name: 'Uploads' });
    await panel.getByText('1 file not taken').waitFor();
    await panel.getByText('It is no picture, video or document').waitFor();
    expect(await barriers()).toEqual([]);
    await shot('upload not taken');
    await panel.getByRole('button', { name: 'Close' }).click();
  });

  it('are dropped on the page or pasted into it, where texts and addresses are left alone', async () => {
    const files = {
      drop: await readFile(join(SAMPLES, 'garden', 'butterfly.gif')),
      paste: await readFile(join(SAMPLES, 'garden', 'plan-of-the-beds.png')),
    };
    const give = (type: 'drop' | 'paste', name: string) =>
      page.evaluate(`(async () => {
        const data = new DataTransfer();
        const bytes = Uint8Array.from(atob('${files[type].toString('base64')}'), (one) => one.charCodeAt(0));
        data.items.add(new File([bytes], '${name}'));
        const made = { bubbles: true, cancelable: true };
        const event = '${type}' === 'paste'
          ? new ClipboardEvent('paste', { clipboardData: data, ...made })
          : new DragEvent('drop', { dataTransfer: data, ...made });
        let said = '';
        if ('${type}' === 'drop') {
          document.body.dispatchEvent(new DragEvent('dragover', { dataTransfer: data, ...made }));
          while (said === '') {
            await new Promise((resolve) => requestAnimationFrame(resolve));
            said = document.querySelector('.drop')?.textContent ?? '';
          }
        }
        document.body.dispatchEvent(event);
        return [said, event.defaultPrevented];
      })()`);
    expect(await give('drop', 'dropped.gif')).toEqual(['Drop files here to upload them', true]);
    expect(await give('paste', 'pasted.png')).toEqual(['', true]);
    const panel = page.getByRole('region', { name: 'Uploads' });
    await panel.getByText('2 files uploaded').waitFor();
    const prevented = await page.evaluate(`(() => {
      const data = new DataTransfer();
      data.setData('text/plain', 'only words');
      const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
      return event.defaultPrevented;
    })()`);
    expect(prevented).toBe(false);
    await page.getByText('22 items in one catalog: 9 of this server, 13 of its peers.').waitFor();
    await panel.getByRole('button', { name: 'Close' }).click();
    const found = await coast.query<Record<'dropped' | 'pasted', { nodes: { id: string }[] }>>(`{
      dropped: media(filter: { query: "dropped" }, origin: LOCAL) { nodes { id } }
      pasted: media(filter: { query: "pasted" }, origin: LOCAL) { nodes { id } }
    }`);
    const ids = [...found.dropped.nodes, ...found.pasted.nodes].map(({ id }) => id);
    expect(ids.length).toBe(2);
    await coast.query('mutation ($ids: [ID!]!) { deleteMedia(input: { ids: $ids }) { deletedMediaIds } }', {
      ids,
    });
    await page.getByText('20 items in one catalog: 7 of this server, 13 of its peers.').waitFor();
  });

  it('are edited in the viewer, which says which peers see them', async () => {
    await page.goto('/?from=mine&q=lighthouse');
    await page.getByRole('link', { name: /lighthouse/i }).click();
    await page.getByRole('button', { name: 'Edit' }).click();
    const form = page.getByRole('form', { name: 'Edit the item' });
    await form.getByLabel('Title').fill('The old lighthouse');
    await form.getByLabel('Tags').fill('sea, light');
    await form.getByLabel('Who may see it').selectOption('Anyone');
    expect(await barriers()).toEqual([]);
    await shot('edit');
    await form.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('complementary', { name: 'Details' }).getByText('Anyone').waitFor();
    await expect
      .poll(() => page.getByRole('dialog').getAttribute('aria-label'), PATIENCE)
      .toBe('The old lighthouse');
    await page.getByRole('button', { name: 'sea', exact: true }).click();
    await page.getByRole('button', { name: 'Remove Tag: sea' }).waitFor();
    expect(new URL(page.url()).searchParams.get('tag')).toBe('sea');
    await page.getByRole('button', { name: 'Remove Tag: sea' }).click();
    await page.getByLabel('Tag', { exact: true }).selectOption('light (1)');
    await expect.poll(status, PATIENCE).toBe('1 item.');
  });

  it('say which peers have them, which will be told to remove them, and which are', async () => {
    const coastAtGarden = await pair(coast, garden);
    await settled(garden, coastAtGarden);
    const atGarden = async () => {
      const { media } = await garden.query<{ media: { nodes: { title: string }[] } }>(
        'query ($id: ID!) { media(filter: { peerIds: [$id] }) { nodes { title } } }',
        { id: coastAtGarden },
      );
      return media.nodes.map(({ title }) => title);
    };
    expect(await atGarden()).toContain('The old lighthouse');

    await page.goto('/?from=mine&q=lighthouse');
    await page.getByRole('link', { name: /lighthouse/i }).click();
    await page.getByRole('button', { name: 'Details' }).click();
    const details = page.getByRole('complementary', { name: 'Details' });
    const seenBy = details.locator('dl > div').filter({ hasText: 'Peers that see it' }).locator('dd');
    expect(await seenBy.textContent()).toBe('Garden');
    await page.getByRole('button', { name: 'Edit' }).click();
    const form = page.getByRole('form', { name: 'Edit the item' });
    await form.getByText('Shown to Garden now.').waitFor();
    await form.getByLabel('Who may see it').selectOption('People of this server');
    await form.getByText('Garden has it now, will be told to remove it, and may keep it.').waitFor();
    await form.getByRole('button', { name: 'Save' }).click();
    await page
      .getByText('Seen by: people of this server. Garden is told to remove it, and may have kept it.')
      .waitFor();
    await expect.poll(() => seenBy.textContent(), PATIENCE).toBe('None');
    await expect.poll(atGarden, PATIENCE).not.toContain('The old lighthouse');
  });

  it('are picked together with mouse and keys, while remote ones cannot be', async () => {
    await page.goto('/');
    await settledPictures();
    const remote = page.locator('.tile', { has: page.getByRole('link', { name: /from Garden/ }) });
    expect(await remote.getByRole('checkbox').count()).toBe(0);
    await page.getByRole('button', { name: 'This server' }).click();
    await expect.poll(status, PATIENCE).toBe('7 items.');
    const boxes = page.getByRole('checkbox');
    await page.locator('.tile').first().hover();
    await boxes.first().click();
    await boxes.nth(2).click({ modifiers: ['Shift'], force: true });
    const bar = page.getByRole('region', { name: 'Selection' });
    await bar.getByText('3 selected').waitFor();
    await page.locator('.tile .open').nth(1).focus();
    await page.keyboard.press('x');
    await bar.getByText('2 selected').waitFor();
    expect(await barriers()).toEqual([]);
    await shot('selection');
    await bar.getByLabel('Add to album').selectOption('New album …');
    await bar.getByLabel('Name of the new album').fill('Two of them');
    await bar.getByRole('button', { name: 'Create' }).click();
    await page.getByText('Added to Two of them.').waitFor();
    await bar.waitFor({ state: 'detached' });
    await page.locator('.tile .open').first().focus();
    await page.keyboard.press('x');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('x');
    await bar.getByRole('button', { name: 'Add tags' }).click();
    await bar.getByLabel('Tags, separated by commas').fill('autumn, walk');
    await page.keyboard.press('Enter');
    await page.getByText('2 items tagged with autumn, walk.').waitFor();
    await page.getByLabel('Tag', { exact: true }).selectOption('walk (2)');
    await expect.poll(status, PATIENCE).toBe('2 items.');
    await page.getByRole('button', { name: 'Remove Tag: walk' }).click();
    await expect.poll(status, PATIENCE).toBe('7 items.');
    await page.locator('.tile .open').first().focus();
    await page.keyboard.press('x');
    await bar.getByLabel('Who may see them').selectOption('People of this server');
    await page.getByText('Seen by: people of this server.').waitFor();
  });

  it('are deleted only once nobody takes it back', async () => {
    await page.locator('.tile .open').first().focus();
    await page.keyboard.press('x');
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('1 item will be deleted.').waitFor();
    expect(await page.locator('.tile.leaving').count()).toBe(1);
    await shot('undo');
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('Nothing was deleted.').waitFor();
    expect(await page.locator('.tile.leaving').count()).toBe(0);
    // What is said stands nowhere above the buttons of what is picked next.
    await page.locator('.tile .open').first().focus();
    await page.keyboard.press('x');
    const [note, bar] = await Promise.all(
      ['.note', '.selection'].map((selector) => page.locator(selector).boundingBox()),
    );
    expect(note?.y).toBeLessThan((bar?.y ?? 0) - (note?.height ?? 0));
    await page.keyboard.press('x');
    const total = () =>
      coast.query<{ media: { totalCount: number } }>('{ media(origin: LOCAL) { totalCount } }');
    expect((await total()).media.totalCount).toBe(7);

    await page.locator('.tile .open').first().focus();
    await page.keyboard.press('x');
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('1 item will be deleted.').waitFor();
    // Whoever leaves takes nothing back.
    await page.goto('/?view=peers');
    await expect.poll(async () => (await total()).media.totalCount, PATIENCE).toBe(6);
  });
});

describe('what changes', () => {
  it('is shown in every tab by itself, by one stream for all of them', async () => {
    const context = page.context();
    const open = new Set<Request>();
    let most = 0;
    const onRequest = (request: Request) => {
      if (request.headers()['accept'] !== 'text/event-stream') return;
      open.add(request);
      most = Math.max(most, open.size);
    };
    const onEnd = (request: Request) => open.delete(request);
    // The tab that was there has one, whose beginning nobody saw.
    await page.goto('about:blank');
    context.on('request', onRequest).on('requestfailed', onEnd).on('requestfinished', onEnd);
    await page.goto('/?from=mine&sort=title');
    const other = await context.newPage();
    await other.goto('/?from=mine');
    const { media } = await coast.query<{ media: { nodes: { id: string }[] } }>(
      '{ media(origin: LOCAL, first: 1) { nodes { id } } }',
    );
    const rename = (title: string) =>
      coast.query('mutation ($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }', {
        input: { id: media.nodes[0]?.id, title },
      });
    await rename('Changed elsewhere');
    await page.getByRole('link', { name: /^Changed elsewhere/ }).waitFor();
    await other.getByRole('link', { name: /^Changed elsewhere/ }).waitFor();
    await other.close();
    await rename('Changed once more');
    await page.getByRole('link', { name: /^Changed once more/ }).waitFor();
    expect(most).toBe(1);
    context.off('request', onRequest).off('requestfailed', onEnd).off('requestfinished', onEnd);
  });
});

describe('a timeline of many thousands', () => {
  beforeAll(async () => {
    const variants = newItem({}).variants.slice(0, 0);
    for (let year = 2012; year < 2024; year++) {
      await coast.app.catalog.local.add(
        Array.from({ length: 500 }, (_, at) =>
          newItem({
            title: `${year} number ${at}`,
            takenAt: Date.UTC(year, 0, 1) + at * 17 * 3_600_000,
            width: at % 3 === 0 ? 300 : 400,
            height: at % 3 === 0 ? 400 : 300,
            variants,
          }),
        ),
      );
    }
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.goto('/');
    await page.getByText('6,019 items in one catalog').waitFor();
  });

  it('keeps few of them in the document, and can be read from any year at once', async () => {
    const tiles = () => page.locator('.tile').count();
    expect(await tiles()).toBeLessThan(200);
    const scrubber = page.getByRole('slider', { name: 'Go to a month' });
    const box = await scrubber.boundingBox();
    if (box === null) throw new Error('There is no scrubber.');
    await page.mouse.move(box.x + 20, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + 20, box.y + box.height * 0.6, { steps: 8 });
    await shot('scrubber');
    await page.mouse.up();
    await expect.poll(() => page.locator('.tile.empty').count(), PATIENCE).toBe(0);
    const title = await page.locator('.tile .open').first().getAttribute('title');
    expect(Number(title?.slice(0, 4))).toBeGreaterThan(2013);
    expect(Number(title?.slice(0, 4))).toBeLessThan(2022);
    expect(await tiles()).toBeLessThan(200);
    await page.mouse.move(600, 400);
    await shot('far down');

    await scrubber.press('End');
    await page.getByRole('link', { name: /^2012 number 43,/ }).waitFor();
    await scrubber.press('Home');
    await page.getByText('6,019 items in one catalog').waitFor();
    expect(await scrolled()).toBe(0);
  });

  it('does not jump while what is above is read and turns out higher or lower', async () => {
    const scrubber = page.getByRole('slider', { name: 'Go to a month' });
    for (let step = 0; step < 5; step++) await scrubber.press('PageDown');
    await expect.poll(() => page.locator('.tile.empty').count(), PATIENCE).toBe(0);
    const month = await scrubber.getAttribute('aria-valuetext');
    await page.getByRole('heading', { level: 2, name: month ?? '' }).waitFor();
    // Upwards into what was never drawn: each step moves what is seen by that step, and by no more.
    for (let step = 0; step < 12; step++) {
      const marker = page.locator('.tile .open').nth(30);
      const href = await marker.getAttribute('href');
      const same = page.locator(`.tile .open[href="${href}"]`);
      const before = (await same.boundingBox())?.y ?? 0;
      await page.mouse.move(600, 400);
      await page.mouse.wheel(0, -150);
      await expect
        .poll(async () => Math.round(((await same.boundingBox())?.y ?? 0) - before), PATIENCE)
        .toBe(150);
    }
    expect(await page.locator('.sticky').textContent()).toMatch(/20\d\d$/);
    // Something else begins at its beginning.
    await page.getByLabel('Search', { exact: true }).fill('2015');
    await expect.poll(status, PATIENCE).toBe('500 items.');
    expect(await scrolled()).toBe(0);
  });
});

describe('whoever has not signed in', () => {
  let open: Instance;
  let stranger: WatchedPage;
  beforeAll(async () => {
    open = await startInstance('Open', { HEDGEROW_ANONYMOUS: 'public' });
    stranger = await openPage(open.url);
    // What a version before this one kept, and what belongs to an instance under another path.
    await stranger.page.goto('/sign-in');
    await stranger.page.evaluate(
      "Promise.all([caches.open('hedgerow / old'), caches.open('hedgerow /other/ old')])",
    );
    await open.app.access.users.create({ name: 'Ada', role: 'ADMIN', password: PASSWORD });
    await open.app.library.importFiles({
      paths: [join(SAMPLES, 'coast', 'lighthouse.jpg')],
      visibility: 'PUBLIC',
    });
    await open.app.library.importFiles({
      paths: [join(SAMPLES, 'coast', 'shells.tif')],
      visibility: 'PEERS',
    });
  });
  afterAll(async () => {
    await stranger?.[Symbol.asyncDispose]();
    await open?.[Symbol.asyncDispose]();
  });

  it('sees what is public where that is switched on, and nothing to change it with', async () => {
    await stranger.page.goto('/');
    await stranger.page.getByRole('link', { name: /lighthouse, picture/i }).click();
    await stranger.page.locator('img.whole.there').waitFor();
    expect(await stranger.page.getByRole('button', { name: 'Edit' }).count()).toBe(0);
    expect(await stranger.page.getByRole('button', { name: 'Delete' }).count()).toBe(0);
    await stranger.page.keyboard.press('Escape');
    expect(await stranger.page.locator('.tile').count()).toBe(1);
    expect(await stranger.page.getByRole('button', { name: 'Upload' }).count()).toBe(0);
    expect(await stranger.page.getByRole('link', { name: 'Sign in' }).getAttribute('href')).toMatch(
      /^\.\/sign-in/,
    );
    expect(stranger.complaints).toEqual([]);
  });

  it('gets the page anew where a part of it is no longer there, and is told where that does not help', async () => {
    // Past the service worker, which keeps what it has.
    await using fresh = await openPage(open.url, { serviceWorkers: 'block' });
    const { page: tab } = fresh;
    let refusals = 1;
    await tab.route(/\/assets\/viewer-[^/]+\.js$/, (route) => {
      refusals -= 1;
      return refusals < 0 ? route.continue() : route.fulfill({ status: 404, body: '' });
    });
    await tab.goto('/');
    await tab.getByRole('link', { name: /lighthouse, picture/i }).click();
    await tab.locator('img.whole.there').waitFor();
    expect(refusals).toBeLessThan(0);
    expect(await tab.evaluate("performance.getEntriesByType('navigation')[0].type")).toBe('reload');

    refusals = Number.POSITIVE_INFINITY;
    await tab.reload();
    await tab.getByRole('heading', { name: 'The page has stumbled' }).waitFor();
    refusals = 0;
    await tab.getByRole('button', { name: 'Load it again' }).click();
    await tab.locator('img.whole.there').waitFor();
  });

  it('can install it as an app, which keeps nothing but its shell, and says so while the server is away', async () => {
    const { page: app } = stranger;
    await app.goto('/?sort=title');
    await app.evaluate('navigator.serviceWorker.ready.then(() => undefined)');
    const kept = () =>
      app.evaluate(`(async () => {
        const found = {};
        for (const name of await caches.keys()) {
          const requests = await (await caches.open(name)).keys();
          found[name] = requests.map(({ url }) => new URL(url).pathname);
        }
        return found;
      })()`) as Promise<Record<string, string[]>>;
    await expect.poll(async () => Object.keys(await kept()), PATIENCE).not.toContain('hedgerow / old');
    const [mine = '', ...others] = Object.keys(await kept()).sort();
    expect(others).toEqual(['hedgerow /other/ old']);
    await app.reload();
    await app.locator('.tile img.there').first().waitFor();
    const paths = (await kept())[mine] ?? [];
    expect(paths).toContain('/offline');
    expect(paths.length).toBeGreaterThan(8);
    expect(paths.filter((path) => path !== '/offline' && !path.startsWith('/assets/'))).toEqual([]);

    const client = await app.context().newCDPSession(app);
    const { errors, data } = await client.send('Page.getAppManifest');
    expect(errors).toEqual([]);
    const manifest = JSON.parse(data ?? '') as { name: string; icons: { src: string; sizes: string }[] };
    expect(manifest.name).toBe('Open');
    for (const { src, sizes } of manifest.icons) {
      const size = await app.evaluate(`(async () => {
        const image = new Image();
        image.src = ${JSON.stringify(src)};
        await image.decode();
        return image.naturalWidth + 'x' + image.naturalHeight;
      })()`);
      expect(size).toBe(sizes);
    }

    await open.stop();
    await app.reload();
    await app.getByRole('heading', { name: 'Open cannot be reached' }).waitFor();
    if (SCREENSHOTS !== undefined) await app.screenshot({ path: join(SCREENSHOTS, 'gallery away.png') });
    expect(await app.locator('.tile').count()).toBe(0);
    await open.start();
    await app.getByRole('button', { name: 'Try again' }).click();
    await app.locator('.tile img.there').first().waitFor();
    expect(new URL(app.url()).search).toBe('?sort=title');
    expect(stranger.complaints).toEqual([]);
  });
});
