/**
 * The life of a pair, in any order: two real instances invite, redeem, lose answers, pull, rotate, crash, go back to a
 * backup, revoke and pair again. After each step each side's belief agrees with what it may do, and in the end, when
 * nothing is lost any more, whoever is paired pulls and nobody else does.
 *
 * The short form runs with all tests. The long one: `npm run test:long`, or with settings of its own,
 *   PAIR_LIFE_RUNS=100 PAIR_LIFE_STEPS=60 PAIR_LIFE_SEED=1 npx vitest run test/pair-life.test.ts
 * A failure prints seed, path and replayPath: they go into CASES, and stay.
 */

import { cpSync, readdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadMasterKey } from '../src/config/master-key.ts';
import { hashPeerToken, openPeerToken } from '../src/federation/credentials.ts';
import { loadIdentity } from '../src/federation/identity/instance-identity.ts';
import { MEDIA_KINDS } from '../src/lib/media.ts';
import { type Instance, startInstance } from './support/instance.ts';
import { newItem } from './support/items.ts';
import { type PeerView, refreshed, shownOf } from './support/peer-view.ts';
import { type Relay, startRelay } from './support/relay.ts';
import { createWireClient, serverAt } from './support/wire-client.ts';

const RUNS = Number(process.env['PAIR_LIFE_RUNS'] ?? 4);
const STEPS = Number(process.env['PAIR_LIFE_STEPS'] ?? 12);
const LONG = process.env['PAIR_LIFE_RUNS'] !== undefined;
/** Always the same in the short form; the long one is for finding what nobody has seen yet. */
const SEED = Number(process.env['PAIR_LIFE_SEED'] ?? (LONG ? Date.now() % 2 ** 31 : 20_261_125));

/** Orders of steps that once went wrong. */
const CASES: { seed: number; path: string; replayPath: string }[] = [];

const SIDES = ['A', 'B'] as const;
type Side = (typeof SIDES)[number];
const otherOf = (side: Side): Side => (side === 'A' ? 'B' : 'A');

/** Whether `puller` may pull from the other side, as far as the steps so far say; null where they do not. */
interface Model {
  mayPull: Record<Side, boolean | null>;
  codes: { by: Side; mutual: boolean }[];
  backups: Record<Side, number>;
}

interface Real {
  sides: Record<Side, Party>;
  codes: string[];
  /** ms that both clocks are ahead. */
  clock: { ahead: number };
}

interface Party {
  instance: Instance;
  relay: Relay;
  backups: string[];
  folder: string;
  now: () => number;
}

type Step = fc.AsyncCommand<Model, Real>;

/** The row of the other side that counts: revoked ones are history. */
async function activeRow(party: Party, other: Party) {
  const { id } = await identityOf(other);
  const rows = await party.instance.app.database.prisma.peer.findMany({
    where: { instanceId: id, status: { not: 'REVOKED' } },
  });
  expect(rows.length, 'peers that are not history, of one instance').toBeLessThan(2);
  return rows[0] ?? null;
}

async function identityOf({ instance }: Party) {
  const { database } = instance.app;
  return loadIdentity(database, await masterKeyOf(instance));
}

const masterKeyOf = (instance: Instance) =>
  loadMasterKey(join(instance.folder, 'data'), null, { make: false });

interface Belief {
  /** What the puller would send, and whether what the server has stored would let it in. */
  token: string;
  accepted: boolean;
  /** The same, were the puller to announce its key and to follow the server's first. */
  acceptedInTheEnd: boolean;
}

/** Reads both sides' rows; nothing is asked. Empty where the puller believes that it is not paired. */
async function beliefs(puller: Party, server: Party): Promise<Belief[]> {
  const row = await activeRow(puller, server);
  if (row === null || !row.pulls || row.status !== 'ACTIVE') return [];
  const masterKey = await masterKeyOf(puller.instance);
  const own = await identityOf(puller);
  const theirs = await identityOf(server);
  const now = new Date(server.now());
  const found: Belief[] = [];
  for (const sealed of [row.sealedToken, row.sealedNextToken]) {
    const token = sealed === null ? undefined : openPeerToken(masterKey, row.id, sealed);
    if (token === undefined) continue;
    const credential = await server.instance.app.database.prisma.peerCredential.findUnique({
      where: { hash: hashPeerToken(token) },
      include: { peer: true },
    });
    const alive =
      credential !== null &&
      credential.endedAt === null &&
      (credential.firstUsedAt !== null || credential.expiresAt === null || credential.expiresAt > now) &&
      credential.peer.status !== 'REVOKED' &&
      credential.peer.serves;
    const pinned = credential?.peer.thumbprint ?? '';
    found.push({
      token,
      accepted: alive && pinned === own.key.thumbprint && theirs.thumbprints.includes(row.thumbprint ?? ''),
      acceptedInTheEnd:
        alive && own.thumbprints.includes(pinned) && theirs.thumbprints.includes(row.thumbprint ?? ''),
    });
  }
  return found;
}

/** A request under each credential that is believed in is accepted where the issuer's rows say so, and only there. */
async function beliefsHold(real: Real): Promise<void> {
  for (const side of SIDES) {
    const puller = real.sides[side];
    const server = real.sides[otherOf(side)];
    const before = await beliefs(puller, server);
    const [current] = before;
    if (current === undefined) continue;
    const { key } = await identityOf(puller);
    const served = await serverAt(server.instance.url);
    const row = await activeRow(puller, server);
    const answer = await createWireClient().ask(served, current.token, '/federation/v1/status', {
      key,
      receiver: row?.thumbprint ?? '',
      now: new Date(puller.now()),
    });
    const after = await beliefs(puller, server);
    // A pull in the background may have changed something meanwhile; then the next step looks again.
    if (JSON.stringify(after) !== JSON.stringify(before)) continue;
    expect(answer.status === 200, `${side} is answered ${answer.status} ${answer.body?.code ?? ''}`).toBe(
      current.accepted,
    );
  }
}

/** What the model knows for certain agrees with what both sides have stored. */
async function modelHolds(model: Model, real: Real): Promise<void> {
  for (const side of SIDES) {
    const expected = model.mayPull[side];
    if (expected === null) continue;
    const found = await beliefs(real.sides[side], real.sides[otherOf(side)]);
    expect(
      found.some(({ acceptedInTheEnd }) => acceptedInTheEnd),
      `${side} may pull`,
    ).toBe(expected);
  }
}

async function holds(model: Model, real: Real): Promise<void> {
  await modelHolds(model, real);
  await beliefsHold(real);
}

interface UserError {
  code: string;
  message: string;
}

/** Refusals that a mutation of these may meet; whatever else comes is a fault. */
const REFUSALS =
  /^(INVITATION_(USED|EXPIRED|CANCELLED|UNKNOWN|NOT_MUTUAL)|PAIRING_(KEY_MISMATCH|RATE_LIMITED)|PEER_(UNREACHABLE|IDENTITY|INVALID_ANSWER)|CONFLICT|REVOKED|NOT_FOUND|CREDENTIAL_REFUSED|CURSOR_EXPIRED)$/;

async function mutate(
  instance: Instance,
  field: string,
  input: Record<string, unknown>,
  selection = '',
): Promise<{ errors: UserError[]; payload: Record<string, unknown> }> {
  const name = `${field.slice(0, 1).toUpperCase()}${field.slice(1)}Input!`;
  const data = await instance.query<Record<string, Record<string, unknown> & { userErrors: UserError[] }>>(
    `mutation ($input: ${name}) { ${field}(input: $input) { ${selection} userErrors { code message } } }`,
    { input },
  );
  const payload = data[field] ?? { userErrors: [] };
  for (const { code } of payload.userErrors) expect(code).toMatch(REFUSALS);
  return { errors: payload.userErrors, payload };
}

/** While `work` runs, the answer to the first request that fits is lost behind the relay. */
async function losing<T>(relay: Relay, pattern: RegExp, work: () => Promise<T>): Promise<T> {
  let lost = false;
  relay.hook({
    onAnswer: (_answer, { method, target }) => {
      if (lost || !pattern.test(`${method} ${target}`)) return 'pass';
      lost = true;
      return 'drop';
    },
  });
  try {
    return await work();
  } finally {
    relay.hook({});
  }
}

class Invite implements Step {
  readonly side: Side;
  readonly mutual: boolean;
  constructor(side: Side, mutual: boolean) {
    this.side = side;
    this.mutual = mutual;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const { payload } = await mutate(
      real.sides[this.side].instance,
      'createInvitation',
      { mutual: this.mutual },
      'code',
    );
    real.codes.push(String(payload['code']));
    model.codes.push({ by: this.side, mutual: this.mutual });
    await holds(model, real);
  }
  toString = () => `${this.side} invites${this.mutual ? ', and asks for something back' : ''}`;
}

class Redeem implements Step {
  readonly pick: number;
  readonly lost: boolean;
  constructor(pick: number, lost: boolean) {
    this.pick = pick;
    this.lost = lost;
  }
  check = ({ codes }: Readonly<Model>) => codes.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    // The latest ones are the likeliest; older ones are tried again now and then.
    const index = Math.max(0, model.codes.length - 1 - (this.pick % 3));
    const { by: inviter, mutual } = model.codes[index] ?? { by: 'A', mutual: false };
    const side = otherOf(inviter);
    const { relay } = real.sides[inviter];
    const input = { invitation: real.codes[index], ...(mutual && { shareBack: {} }) };
    const redeem = () => mutate(real.sides[side].instance, 'pairWithPeer', input, 'peer { id }');
    if (this.lost) {
      await losing(relay, /^POST .*\/pairings$/, redeem);
      // Whether the other side took it, and whether it is asked again by itself, is seen later.
      model.mayPull[side] = null;
      if (mutual) model.mayPull[inviter] = null;
    } else {
      const { errors } = await redeem();
      if (errors.length === 0) {
        model.mayPull[side] = true;
        if (mutual) model.mayPull[inviter] = true;
      }
    }
    await holds(model, real);
  }
  toString = () => `${this.lost ? 'redeem, and lose the answer' : 'redeem'} (${this.pick})`;
}

class Pull implements Step {
  readonly side: Side;
  readonly lost: boolean;
  constructor(side: Side, lost: boolean) {
    this.side = side;
    this.lost = lost;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const puller = real.sides[this.side];
    const server = real.sides[otherOf(this.side)];
    const row = await activeRow(puller, server);
    if (row?.pulls && row.status === 'ACTIVE') {
      const may = (await beliefs(puller, server)).some(({ acceptedInTheEnd }) => acceptedInTheEnd);
      const pull = () => refreshed(puller.instance, row.id);
      const seen = await (this.lost ? losing(server.relay, /^GET .*\/media/, pull) : pull());
      if (may) expect(seen.health, `${this.side}, which may pull`).not.toBe('AUTH_FAILED');
      else expect(seen.health, `${this.side}, which may not pull`).not.toBe('ONLINE');
    }
    await holds(model, real);
  }
  toString = () => `${this.side} pulls${this.lost ? ', and loses an answer' : ''}`;
}

class RotateCredential implements Step {
  readonly side: Side;
  readonly lost: boolean;
  constructor(side: Side, lost: boolean) {
    this.side = side;
    this.lost = lost;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const puller = real.sides[this.side];
    const server = real.sides[otherOf(this.side)];
    const row = await activeRow(puller, server);
    if (row?.pulls) {
      const rotate = () => mutate(puller.instance, 'rotatePeerCredential', { id: row.id });
      await (this.lost ? losing(server.relay, /^POST .*\/credentials$/, rotate) : rotate());
    }
    await holds(model, real);
  }
  toString = () => `${this.side} renews its credential${this.lost ? ', and loses the answer' : ''}`;
}

class RotateKey implements Step {
  readonly side: Side;
  constructor(side: Side) {
    this.side = side;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    await mutate(real.sides[this.side].instance, 'rotateInstanceKey', { confirm: true });
    await holds(model, real);
  }
  toString = () => `${this.side} changes its key`;
}

class ChangeGrant implements Step {
  readonly side: Side;
  readonly kinds: string[] | null;
  constructor(side: Side, kinds: string[] | null) {
    this.side = side;
    this.kinds = kinds;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const server = real.sides[this.side];
    const row = await activeRow(server, real.sides[otherOf(this.side)]);
    if (row?.serves) {
      await mutate(server.instance, 'updatePeer', { id: row.id, grant: { kinds: this.kinds } });
    }
    await holds(model, real);
  }
  toString = () => `${this.side} grants ${this.kinds?.join() ?? 'every kind'}`;
}

class Add implements Step {
  readonly side: Side;
  readonly kind: 'IMAGE' | 'VIDEO';
  constructor(side: Side, kind: 'IMAGE' | 'VIDEO') {
    this.side = side;
    this.kind = kind;
  }
  check = () => true;
  async run(_model: Model, real: Real): Promise<void> {
    const { catalog } = real.sides[this.side].instance.app;
    await catalog.local.add([newItem({ kind: this.kind, title: `${this.kind} of ${this.side}` })]);
  }
  toString = () => `${this.side} adds one ${this.kind}`;
}

class Revoke implements Step {
  readonly side: Side;
  readonly keepCached: boolean;
  constructor(side: Side, keepCached: boolean) {
    this.side = side;
    this.keepCached = keepCached;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const { instance } = real.sides[this.side];
    const row = await activeRow(real.sides[this.side], real.sides[otherOf(this.side)]);
    if (row !== null) {
      const { errors } = await mutate(instance, 'revokePeer', { id: row.id, keepCached: this.keepCached });
      expect(errors).toEqual([]);
      expect(await shownOf(instance, row.id)).toEqual([]);
      model.mayPull = { A: false, B: false };
    }
    await holds(model, real);
  }
  toString = () => `${this.side} revokes${this.keepCached ? ', and keeps the bytes' : ''}`;
}

/** What lies on the disk at one moment, without anything that an orderly end would add. */
function copyDatabase(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  for (const name of readdirSync(from).filter((each) => /^hedgerow\.db(-wal)?$/.test(each))) {
    cpSync(join(from, name), join(to, name));
  }
}

async function putBack(party: Party, copy: string): Promise<void> {
  await party.instance.stop();
  const data = join(party.instance.folder, 'data');
  for (const name of readdirSync(data).filter((each) => /^hedgerow\.db(-wal|-shm)?$/.test(each))) {
    rmSync(join(data, name));
  }
  for (const name of readdirSync(copy)) cpSync(join(copy, name), join(data, name));
  await party.instance.start();
}

class Crash implements Step {
  readonly side: Side;
  constructor(side: Side) {
    this.side = side;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const party = real.sides[this.side];
    const copy = join(party.folder, 'crash');
    copyDatabase(join(party.instance.folder, 'data'), copy);
    await putBack(party, copy);
    await holds(model, real);
  }
  toString = () => `${this.side} crashes and starts again`;
}

class Backup implements Step {
  readonly side: Side;
  constructor(side: Side) {
    this.side = side;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const party = real.sides[this.side];
    const copy = join(party.folder, `backup-${party.backups.length}`);
    copyDatabase(join(party.instance.folder, 'data'), copy);
    party.backups.push(copy);
    model.backups[this.side] += 1;
  }
  toString = () => `${this.side} is backed up`;
}

class Restore implements Step {
  readonly side: Side;
  constructor(side: Side) {
    this.side = side;
  }
  check = ({ backups }: Readonly<Model>) => backups[this.side] > 0;
  async run(model: Model, real: Real): Promise<void> {
    const party = real.sides[this.side];
    await putBack(party, party.backups.at(-1) ?? '');
    // What the two made of each other since is forgotten on one side.
    model.mayPull = { A: null, B: null };
    await holds(model, real);
  }
  toString = () => `${this.side} goes back to its last backup`;
}

/** Ids of the items that the puller has of the server, and of those that the server grants it. */
async function catalogs(puller: Party, server: Party): Promise<{ here: string[]; granted: string[] }> {
  const row = await activeRow(puller, server);
  const copies = await puller.instance.app.database.prisma.item.findMany({
    where: { source: row?.key ?? -1 },
    select: { remoteId: true },
  });
  const { serveGrant } = (await activeRow(server, puller)) ?? {};
  const kinds = (JSON.parse(serveGrant ?? '{"kinds":[]}') as { kinds: string[] | null }).kinds;
  const own = await server.instance.app.database.prisma.item.findMany({
    where: { source: 0, visibility: { gte: 2 } },
    select: { id: true, kind: true },
  });
  return {
    here: copies.map(({ remoteId }) => remoteId ?? '').sort(),
    granted: own
      .filter(({ kind }) => kinds === null || kinds.includes((MEDIA_KINDS[kind] ?? '').toLowerCase()))
      .map(({ id }) => id)
      .sort(),
  };
}

/** Nothing is lost any more, and an hour has passed: whoever may pull does, and is in sync; nobody else does. */
async function quiet(real: Real): Promise<void> {
  for (const side of SIDES) real.sides[side].relay.hook({});
  for (const side of SIDES) {
    const puller = real.sides[side];
    const server = real.sides[otherOf(side)];
    let seen: PeerView | null = null;
    let may = false;
    for (let time = 0; time < 4; time++) {
      real.clock.ahead += 61 * 60_000;
      const row = await activeRow(puller, server);
      if (row === null || !row.pulls || row.status !== 'ACTIVE') break;
      may = (await beliefs(puller, server)).some(({ acceptedInTheEnd }) => acceptedInTheEnd);
      seen = await refreshed(puller.instance, row.id);
      if (!may || seen.health === 'ONLINE') break;
    }
    if (seen === null) continue;
    const said = `${side}: ${JSON.stringify(seen.operations.pull.error)}`;
    const { here, granted } = await catalogs(puller, server);
    if (may) {
      expect(seen.health, said).toBe('ONLINE');
      expect(seen.operations.pull.inSync, said).toBe(true);
      expect(here, said).toEqual(granted);
    } else expect(seen.health, said).not.toBe('ONLINE');
  }
}

const side = fc.constantFrom(...SIDES);
const sometimes = fc.oneof(
  { weight: 2, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) },
);
const steps: fc.Arbitrary<Step>[] = [
  fc.tuple(side, fc.boolean()).map(([each, mutual]) => new Invite(each, mutual)),
  fc.tuple(fc.nat(5), sometimes).map(([pick, lost]) => new Redeem(pick, lost)),
  fc.tuple(fc.nat(5), sometimes).map(([pick, lost]) => new Redeem(pick, lost)),
  fc.tuple(side, sometimes).map(([each, lost]) => new Pull(each, lost)),
  fc.tuple(side, sometimes).map(([each, lost]) => new Pull(each, lost)),
  fc
    .tuple(side, fc.constantFrom('IMAGE' as const, 'VIDEO' as const))
    .map(([each, kind]) => new Add(each, kind)),
  fc.tuple(side, sometimes).map(([each, keep]) => new Revoke(each, keep)),
  side.map((each) => new Crash(each)),
  side.map((each) => new Backup(each)),
  side.map((each) => new Restore(each)),
  fc.tuple(side, sometimes).map(([each, lost]) => new RotateCredential(each, lost)),
  side.map((each) => new RotateKey(each)),
  fc
    .tuple(side, fc.constantFrom<string[] | null>(null, ['IMAGE'], []))
    .map(([each, kinds]) => new ChangeGrant(each, kinds)),
];

async function live(commands: Iterable<Step>): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const clock = { ahead: 0 };
  const now = () => Date.now() + clock.ahead;
  const party = async (name: string): Promise<Party> => {
    const folder = await mkdtemp(join(tmpdir(), 'hedgerow-life-'));
    opened.defer(() => rm(folder, { recursive: true, force: true }));
    const relay = opened.use(await startRelay(() => instance.url));
    const instance: Instance = opened.use(
      await startInstance(name, { HEDGEROW_PUBLIC_URL: relay.url, HEDGEROW_PULL_INTERVAL: '86400' }, { now }),
    );
    return { instance, relay, backups: [], folder, now };
  };
  const real: Real = { sides: { A: await party('A'), B: await party('B') }, codes: [], clock };
  // Most lives begin with a pair.
  await fc.asyncModelRun(
    () => ({ model: { mayPull: { A: null, B: null }, codes: [], backups: { A: 0, B: 0 } }, real }),
    [new Add('A', 'IMAGE'), new Add('A', 'VIDEO'), new Invite('A', false), new Redeem(0, false), ...commands],
  );
  await quiet(real);
}

const lives = fc.commands(steps, { maxCommands: STEPS, size: 'max' });
const property = fc.asyncProperty(lives, live);
const TIME = 40_000 + RUNS * STEPS * 10_000;

it('the two sides of a pair agree, whatever happens in whichever order', { timeout: TIME }, async () => {
  await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: true });
});

if (CASES.length > 0) {
  it.each(CASES)(
    'and where it once went wrong (%j)',
    { timeout: TIME },
    async ({ seed, path, replayPath }) => {
      const again = fc.commands(steps, { maxCommands: STEPS, size: 'max', replayPath });
      await fc.assert(fc.asyncProperty(again, live), { seed, path, endOnFailure: true });
    },
  );
}
