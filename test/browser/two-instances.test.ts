import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ConsoleMessage, Locator, Page, Response } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeBrowser, openPage, type WatchedPage } from '../support/browser.ts';
import { type Instance, pair, SAMPLES, settled, startInstance } from '../support/instance.ts';
import { ensurePagesBuilt } from '../support/web.ts';

const PASSWORD = 'correct horse battery';
/** A folder for screenshots, for whoever wants to look at the pages. */
const SCREENSHOTS = process.env['HEDGEROW_TEST_SCREENSHOTS'];
/** Ms until a page that has not come to it never will. */
const PATIENCE = { timeout: 60_000 };

interface Browsed {
  data: {
    media: {
      totalCount: number;
      edges: {
        node: {
          __typename: string;
          id: string;
          kind: string;
          title: string;
          mimeType: string;
          availability: string;
          peer: { name: string } | null;
          thumbnailUrl: string;
          originalUrl: string;
        };
      }[];
      sources: { peer: { name: string } | null; health: string; stale: boolean }[];
    };
  };
}

beforeAll(ensurePagesBuilt);
afterAll(closeBrowser);

/** A person's browser; every error in its console is kept, expected or not. */
async function openBrowser(origin: string): Promise<WatchedPage & { readonly errors: string[] }> {
  const watched = await openPage(origin);
  const context = watched.page.context();
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const errors: string[] = [];
  context.on('console', (message: ConsoleMessage) => {
    if (message.type() === 'error') errors.push(`${message.text()} (${message.location().url})`);
  });
  return { ...watched, errors };
}

async function shot(page: Page, name: string, fullPage = false): Promise<void> {
  if (SCREENSHOTS !== undefined) {
    await page.screenshot({ path: join(SCREENSHOTS, `two-instances ${name}.png`), fullPage });
  }
}

async function enter(page: Page, button: string, name = 'Ada'): Promise<void> {
  await page.getByLabel(/name/i).fill(name);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: button }).click();
}

/** Runs what stands in a tab of GraphiQL, and answers what a person copies from the result pane. */
async function run<Result>(page: Page, tab: string): Promise<Result> {
  await select(page, tab);
  const answered = page.waitForResponse(
    (response) =>
      response.url().endsWith('/graphql') && response.request().postData()?.includes(tab) === true,
  );
  await page.getByRole('button', { name: /Execute query/ }).click();
  expect((await answered).status()).toBe(200);
  const pane = page.locator('.result-window .monaco-editor').first();
  await pane.getByText('"data"').waitFor();
  return JSON.parse(await copyAll(page, pane)) as Result;
}

/** Opens a tab, unless it is open: GraphiQL would put back what stood in it before the last keys. */
async function select(page: Page, tab: string): Promise<void> {
  // The editor comes after the tabs, and until it is there neither they nor the button do what they should.
  const operation = page.locator('.graphiql-query-editor .view-lines').first();
  await operation
    .getByText(/query|mutation/)
    .first()
    .waitFor();
  const found = page.getByRole('tab', { name: tab });
  if ((await found.getAttribute('aria-selected')) !== 'true') await found.click();
  await expect
    .poll(() => operation.textContent(), PATIENCE)
    .toMatch(new RegExp(`(query|mutation)\\s${tab}\\b`));
}

async function copyAll(page: Page, editor: Locator): Promise<string> {
  await editor.locator('.view-lines').click();
  await page.keyboard.press('ControlOrMeta+A');
  await page.evaluate("navigator.clipboard.writeText('')");
  await page.keyboard.press('ControlOrMeta+C');
  const copied = () => page.evaluate('navigator.clipboard.readText()') as Promise<string>;
  await expect.poll(copied, PATIENCE).not.toBe('');
  return copied();
}

async function pasteVariables(page: Page, variables: object): Promise<void> {
  await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(JSON.stringify(variables))})`);
  const editor = page.getByLabel('Variables').locator('.monaco-editor').first();
  await editor.locator('.view-lines').click();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.press('ControlOrMeta+V');
  await editor.getByText('hedgerow_pair_').waitFor();
}

/** Widths of the page's pictures once all are there; a picture that is broken has 0. */
async function widths(page: Page, selector = 'img'): Promise<number[]> {
  const images = `[...document.querySelectorAll(${JSON.stringify(selector)})]`;
  await expect
    .poll(() => page.evaluate(`${images}.length > 0 && ${images}.every((image) => image.complete)`), PATIENCE)
    .toBe(true);
  return (await page.evaluate(`${images}.map((image) => image.naturalWidth)`)) as number[];
}

/** Seeks near the end of the film in the tab, and lets it play on from there. */
async function seek(page: Page): Promise<void> {
  const video = "document.querySelector('video')";
  await expect.poll(() => page.evaluate(`${video}?.readyState >= 1`), PATIENCE).toBe(true);
  const duration = Number(await page.evaluate(`${video}.duration`));
  expect(duration).toBeGreaterThan(2);
  const target = duration - 1;
  await page.evaluate(`{ ${video}.pause(); ${video}.currentTime = ${target}; }`);
  await expect
    .poll(
      () => page.evaluate(`!${video}.seeking && ${video}.readyState >= 2 && ${video}.currentTime`),
      PATIENCE,
    )
    .toBeCloseTo(target, 1);
  await page.evaluate(`{ ${video}.muted = true; void ${video}.play(); }`);
  await expect
    .poll(() => page.evaluate(`${video}.currentTime`) as Promise<number>, PATIENCE)
    .toBeGreaterThan(target + 0.2);
  expect(await page.evaluate(`[${video}.error, ${video}.videoWidth > 0]`)).toEqual([null, true]);
}

describe('two people at two instances', () => {
  let a: Instance;
  let b: Instance;
  let onA: Awaited<ReturnType<typeof openBrowser>>;
  let onB: Awaited<ReturnType<typeof openBrowser>>;
  let peerId: string;
  let browsed: Browsed['data']['media'];
  const answers: Response[] = [];

  const remote = (title: string) => {
    const found = browsed.edges.find(({ node }) => node.title === title && node.peer !== null);
    if (found === undefined) throw new Error(`There is no remote ${title}.`);
    return found.node;
  };

  beforeAll(async () => {
    a = await startInstance('Garden');
    b = await startInstance('Coast');
    await a.app.library.importFiles({
      paths: [join(SAMPLES, 'garden'), join(SAMPLES, 'coast')],
      visibility: 'PEERS',
    });
    await b.app.library.importFiles({ paths: [join(SAMPLES, 'formats')], visibility: 'PEERS' });
    onA = await openBrowser(a.url);
    onB = await openBrowser(b.url);
    onB.page.on('response', (response) => answers.push(response));
  });
  afterAll(async () => {
    await onA?.[Symbol.asyncDispose]();
    await onB?.[Symbol.asyncDispose]();
    await a?.[Symbol.asyncDispose]();
    await b?.[Symbol.asyncDispose]();
  });
  // No request but to the own instance, no violation of a policy, no error but those that a step expects.
  afterEach(() => {
    for (const { complaints, errors } of [onA, onB]) {
      expect(complaints).toEqual([]);
      expect(errors).toEqual([]);
    }
  });

  it('are told where the link is before there is an admin', async () => {
    const { page } = onB;
    await page.goto('/');
    expect(new URL(page.url()).pathname).toBe('/setup');
    await page.getByText('one-time link that the server prints when it starts').waitFor();
    await page.getByText('in the terminal').waitFor();
    await shot(page, '1 no admin yet');
  });

  it('become the admins by their one-time links, and are signed in', async () => {
    for (const [instance, { page }] of [
      [a, onA],
      [b, onB],
    ] as const) {
      await page.goto(`/${await instance.app.access.setup.link()}`);
      await page.reload();
      await enter(page, 'Create the admin');
      await page.waitForURL(`${instance.url}/`);
      await page
        .getByRole('banner')
        .filter({ hasText: /Ada\s+admin/ })
        .waitFor();
      await page.getByRole('link', { name: 'Peers' }).click();
      await page.getByText('No other server is paired with this one').waitFor();
      await page.getByRole('link', { name: 'Photos' }).click();
      await page.getByText('all of this server').waitFor();
    }
    expect((await widths(onA.page, '.tile img')).every((width) => width > 0)).toBe(true);
    await shot(onA.page, '2 home alone', true);
  });

  it('pair by one code, copied from one GraphiQL into the other', async () => {
    await onA.page.getByRole('button', { name: 'Account' }).click();
    await onA.page.getByRole('link', { name: 'GraphiQL' }).click();
    const made = await run<{ data: { createInvitation: { code: string; userErrors: [] } } }>(
      onA.page,
      'CreateInvitation',
    );
    await shot(onA.page, '3 invitation');
    const { code } = made.data.createInvitation;

    await onB.page.goto('/graphql');
    await select(onB.page, 'PairWithPeer');
    await onB.page.getByLabel('Variables').getByText('paste the code here').waitFor();
    await pasteVariables(onB.page, { input: { invitation: code } });
    const paired = await run<{
      data: { pairWithPeer: { peer: { id: string; name: string; verified: boolean }; userErrors: [] } };
    }>(onB.page, 'PairWithPeer');
    await shot(onB.page, '4 paired');
    expect(paired.data.pairWithPeer).toMatchObject({
      peer: { name: 'Garden', verified: true },
      userErrors: [],
    });
    peerId = paired.data.pairWithPeer.peer.id;
    await settled(b, peerId);
  });

  it('see both catalogs in one, with where each item is from', async () => {
    browsed = (await run<Browsed>(onB.page, 'BrowseMedia')).data.media;
    await shot(onB.page, '5 both catalogs');
    const nodes = browsed.edges.map(({ node }) => node);
    expect(browsed.totalCount).toBe(nodes.length);
    const titles = (type: string) => nodes.filter((node) => node.__typename === type).length;
    expect([titles('LocalMedia'), titles('RemoteMedia')]).toEqual([4, 15]);
    expect(
      nodes.every((node) => (node.__typename === 'RemoteMedia') === (node.peer?.name === 'Garden')),
    ).toBe(true);
    expect(JSON.stringify(browsed)).not.toContain(new URL(a.url).host);
  });

  it('have home say how many items there are, how the peer is, and show the newest', async () => {
    const { page } = onB;
    // High enough for all items at once.
    await page.setViewportSize({ width: 1280, height: 3000 });
    await page.goto('/');
    await page.getByText('19 items in one catalog: 4 of this server, 15 of its peers.').waitFor();
    await expect.poll(() => page.getByRole('link', { name: 'from Garden' }).count(), PATIENCE).toBe(15);
    const pictures = await widths(page, '.tile img');
    expect(pictures.length).toBe(19);
    expect(pictures.every((width) => width > 0)).toBe(true);
    await shot(page, '6 home', true);

    await page.goto('/?view=peers');
    const garden = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'Garden' }) });
    await garden.getByText('Connected').waitFor();
    expect(await garden.textContent()).toMatch(/Connected\s*15 items of it here, last seen just now/);
    await shot(page, '6 peers', true);

    await onA.page.goto('/?view=peers');
    const coast = onA.page.getByRole('listitem').filter({ hasText: 'Coast' });
    await coast.getByText('Reads from this server').waitFor();
    expect(await coast.textContent()).toMatch(/Reads from this server\s*May see 15 items of ours,/);
    await shot(onA.page, '6 home of the other', true);
  });

  it('open a remote picture through their own server', async () => {
    const { page } = onB;
    await page.goto(remote('Dawn over the valley').thumbnailUrl);
    expect((await widths(page))[0]).toBeGreaterThan(0);
    await page.goto('/');
    await page.getByRole('link', { name: 'Dawn over the valley' }).click();
    await page.waitForURL(/\?item=/);
    await page.getByAltText('Dawn over the valley').waitFor();
    expect((await widths(page, 'img.whole'))[0]).toBeGreaterThan(500);
    await shot(page, '7 preview');
  });

  it('seek in remote films, which are asked for once and then play with the peer switched off', async () => {
    const { page, errors } = onB;
    const films = [remote('Waves on the beach'), remote('Wind in the meadow')];
    expect(films.map((film) => film.mimeType)).toEqual(['video/mp4', 'video/webm']);
    for (const film of films) {
      await page.goto('/');
      await page.getByRole('link', { name: film.title }).click();
      await page.getByRole('dialog', { name: film.title }).waitFor();
      await seek(page);
      await shot(page, `8 ${film.title}`);
    }
    expect(errors.splice(0).filter((error) => !isSandboxNote(error))).toEqual([]);

    // Whoever seeks may leave a gap between what was played: the rest is read before there is nobody to ask for it.
    for (const film of films) expect((await b.get(film.originalUrl)).status).toBe(200);
    await b.app.delivery.flush();
    // Whose page would say, and rightly, that its server is away.
    await onA.page.goto('about:blank');
    await a.stop();
    // What plays from now on cannot come from what the browser kept.
    const client = await page.context().newCDPSession(page);
    await client.send('Network.enable');
    await client.send('Network.setCacheDisabled', { cacheDisabled: true });
    for (const film of films) {
      await page.goto(film.originalUrl);
      answers.length = 0;
      await page.reload();
      await seek(page);
      const states = await Promise.all(
        answers
          .filter((answer) => answer.url().endsWith(film.originalUrl))
          .map(async (answer) => [answer.status(), await answer.headerValue('cache-status')]),
      );
      expect(states.length).toBeGreaterThan(0);
      for (const [status, cacheStatus] of states) {
        expect([200, 206]).toContain(status);
        expect(cacheStatus).toMatch(/hedgerow; hit/);
      }
    }
    await client.detach();
    expect(errors.splice(0).filter((error) => !isSandboxNote(error))).toEqual([]);
  });

  it('are told that what was never fetched cannot be had now, and home says so', async () => {
    const { page, errors } = onB;
    const answer = await page.goto(remote('The lighthouse').originalUrl);
    expect(answer?.status()).toBe(503);
    expect(await page.textContent('body')).toContain('peer-unreachable');
    await shot(page, '9 not there');
    expect(errors.splice(0).filter((error) => !error.includes('503'))).toEqual([]);

    await settled(b, peerId, 'OFFLINE');
    await page.goto('/?view=peers');
    const garden = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'Garden' }) });
    await garden.getByText('Cannot be reached').waitFor();
    await garden.getByText('What was fetched before can still be opened.').waitFor();
    await shot(page, '10 peers with the peer away', true);
    await page.goto('/');
    await page.getByText(/Garden: .* Last read/).waitFor();
    const lighthouse = page.getByRole('link', { name: 'The lighthouse' });
    await lighthouse.getByText('Unavailable').waitFor();
    expect((await widths(page, '.tile img')).every((width) => width > 0)).toBe(true);
    expect(await page.getByRole('link', { name: /Waves on the beach.*Kept here/ }).count()).toBe(1);
    await lighthouse.click();
    await page.getByText('Garden cannot be reached, and this is not kept here.').waitFor();
    await shot(page, '10 viewer with the peer away');
    await page.keyboard.press('Escape');
    await page.waitForURL(`${b.url}/`);
    expect(errors.splice(0).filter((error) => !error.includes('503'))).toEqual([]);
    await shot(page, '10 home with the peer away', true);
    for (const [name, width, colorScheme] of [
      ['phone', 360, 'light'],
      ['phone dark', 360, 'dark'],
      ['desk dark', 1280, 'dark'],
      ['wide', 2200, 'light'],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      expect(
        await page.evaluate('document.documentElement.scrollWidth - window.innerWidth'),
      ).toBeLessThanOrEqual(0);
      await shot(page, `10 home, ${name}`, true);
    }
  });

  it('have all of it back with the peer, add to it, and see by themselves what the end of the pairing takes away', async () => {
    const { page, errors } = onB;
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1280, height: 800 });
    await a.start();
    await b.query('mutation ($id: ID!) { refreshPeer(input: { id: $id }) { pulls { id } } }', { id: peerId });
    await settled(b, peerId);
    await page.goto('/');
    await page.getByText('19 items in one catalog: 4 of this server, 15 of its peers.').waitFor();
    expect(await page.getByText(/Last read/).count()).toBe(0);
    await page.locator('input[type=file]').setInputFiles(join(SAMPLES, 'garden', 'plan-of-the-beds.png'));
    await page.getByText('20 items in one catalog: 5 of this server, 15 of its peers.').waitFor();
    await page.getByRole('button', { name: 'Garden' }).click();
    await page.getByText('15 items.').waitFor();
    await shot(page, '11 the peer alone');

    await b.query('mutation ($id: ID!) { revokePeer(input: { id: $id }) { peer { id } } }', { id: peerId });
    await page.getByText('Nothing matches.').first().waitFor();
    await page
      .getByRole('link', { name: /from Garden/ })
      .first()
      .waitFor({ state: 'detached' });
    await page.reload();
    await page.getByText('Nothing matches.').first().waitFor();
    await page.getByRole('button', { name: 'Clear all' }).click();
    await page.getByText('5 items, all of this server.').waitFor();
    await shot(page, '11 the pairing has ended');
    // Pictures that were on their way as the pairing ended.
    expect(errors.splice(0).filter((error) => !/40[34]/.test(error))).toEqual([]);
  });

  it('see nothing any more once they have signed out', async () => {
    const { page, errors } = onB;
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(`${b.url}/sign-in`);
    for (const path of [
      remote('Dawn over the valley').thumbnailUrl,
      remote('Waves on the beach').originalUrl,
    ]) {
      expect((await page.goto(path))?.status()).toBe(401);
    }
    expect(errors.splice(0).filter((error) => !error.includes('401'))).toEqual([]);
    await page.goto('/graphql');
    await page.waitForURL(`${b.url}/sign-in?next=%2Fgraphql`);
    await page.goto('/');
    await page.waitForURL(`${b.url}/sign-in`);
  });
});

/** What Chromium says where a test looks into a page whose policy forbids every script. */
function isSandboxNote(error: string): boolean {
  return error.startsWith('Blocked script execution');
}

describe('behind a reverse proxy, under a path', () => {
  it.each([
    ['that is left', false],
    ['that is taken away', true],
  ])(
    '%s, everything is found',
    async (_name, strip) => {
      await using proxy = await startProxy('/photos', strip);
      await using b = await startInstance('Coast', { HEDGEROW_PUBLIC_URL: `${proxy.origin}/photos` });
      proxy.target = b.url;
      await b.app.library.importFiles({ paths: [join(SAMPLES, 'formats')], visibility: 'PEERS' });
      await using watched = await openBrowser(proxy.origin);
      const { page, complaints, errors } = watched;

      await page.goto('/photos');
      await page.waitForURL(`${proxy.origin}/photos/setup`);
      await page.getByText(`${proxy.origin}/photos/setup#token=…`).waitFor();
      await page.goto(`/photos/${await b.app.access.setup.link()}`);
      await page.reload();
      await enter(page, 'Create the admin');
      await page.waitForURL(`${proxy.origin}/photos/`);
      await page.getByText('4 items, all of this server.').waitFor();
      expect((await widths(page, '.tile img')).every((width) => width > 0)).toBe(true);
      const cookies = await page.context().cookies();
      expect(cookies).toMatchObject([{ path: '/photos', httpOnly: true, sameSite: 'Lax' }]);

      await page.getByRole('link', { name: /^photo,/ }).click();
      await page.waitForURL(/\/photos\/\?item=/);
      await page.getByAltText('photo').waitFor();
      expect((await widths(page, 'img.whole'))[0]).toBeGreaterThan(0);
      await page.goto('/photos/graphql');
      const { data } = await run<Browsed>(page, 'BrowseMedia');
      expect(data.media.edges.every(({ node }) => node.thumbnailUrl.startsWith('/photos/media/'))).toBe(true);
      await page.getByRole('link', { name: 'Coast' }).click();
      await page.getByRole('button', { name: 'Account' }).click();
      await page.getByRole('link', { name: 'Administration' }).click();
      await page.getByRole('link', { name: 'Pair with another server' }).click();
      await page.getByRole('heading', { name: 'Take up an invitation' }).waitFor();
      expect(page.url()).toBe(`${proxy.origin}/photos/admin?view=pair`);
      await page.getByRole('button', { name: 'Account' }).click();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL(`${proxy.origin}/photos/sign-in`);
      expect(await page.context().cookies()).toEqual([]);
      await page.goto('/photos/graphql');
      await page.waitForURL(`${proxy.origin}/photos/sign-in?next=%2Fphotos%2Fgraphql`);
      await enter(page, 'Sign in');
      await page.waitForURL(`${proxy.origin}/photos/graphql`);
      expect(proxy.strays).toEqual([]);
      expect(complaints).toEqual([]);
      expect(errors).toEqual([]);

      // The other server dials the same address.
      await using other = await startInstance('Garden');
      await settled(other, await pair(b, other));
      const { media } = await other.query<{ media: { totalCount: number } }>('{ media { totalCount } }');
      expect(media.totalCount).toBe(4);
      // Two instances, a browser and GraphiQL: a busy machine needs its time.
    },
    180_000,
  );
});

interface Proxy extends AsyncDisposable {
  readonly origin: string;
  target: string;
  /** Requests that were made beside the prefix. */
  readonly strays: string[];
}

/** As most are set up: passes one path on, with a Host of its own making. */
async function startProxy(prefix: string, strip: boolean): Promise<Proxy> {
  const strays: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const url = incoming.url ?? '/';
    if (url !== prefix && !url.startsWith(`${prefix}/`)) {
      strays.push(url);
      outgoing.writeHead(404).end();
      return;
    }
    const path = strip ? url.slice(prefix.length) || '/' : url;
    const { host, ...headers } = incoming.headers;
    const upstream = httpRequest(
      `${proxy.target}${path}`,
      { method: incoming.method, headers: { ...headers, 'x-forwarded-host': host } },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: Proxy = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: '',
    strays,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
