import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { type DeliveryFixture, openDeliveryFixture } from '../../test/support/delivery-fixture.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type FaultyPath, type PathFault, startFaultyPath } from '../../test/support/faulty-path.ts';
import { type S3Server, startS3Server } from '../../test/support/s3-server.ts';
import type { DeliverableFile } from '../delivery/delivery.ts';
import type { BlobStore } from './blob-store.ts';
import { cachedFileKey, digestOf, originalKey } from './paths.ts';
import { openS3BlobStore, type S3Limits, type S3Options } from './s3-blob-store.ts';
import { sha256 } from './segment-digests.ts';

const MIB = 1024 * 1024;
const FORMER = Buffer.alloc(300_000, 1);
const SMALL = randomBytes(280_000);
/** Of two parts. */
const LONG = randomBytes(5 * MIB + 7);
const PLACE = cachedFileKey(1, 7, 'original', 'abc');
const COPY = PLACE.replace('cache/1/', 'cache/2/');

const error = (code: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>no</Message></Error>`;

/** What the store does, or what is in its place. */
const FAULTS: Readonly<Record<string, PathFault>> = {
  'asks to slow down': { answer: 503, body: error('SlowDown') },
  'has an error of its own': { answer: 500, body: error('InternalError') },
  'breaks off while it is asked': 'reset request',
  'loses its answer': 'lose answer',
  'breaks off while it answers': 'reset answer',
  'ends in the middle of its answer': 'end answer',
  'falls silent in the middle of its answer': 'silent answer',
  'answers with half of it': 'halve answer',
  'says nothing': 'silence',
  'answers with what is no XML': { answer: 200, body: 'ready when you are' },
  'is a page of somebody else': { answer: 200, type: 'text/html', body: '<html><p>Log in</p></html>' },
  'is not found by somebody else': { answer: 404, type: 'text/html', body: '<html><p>404</p></html>' },
  'takes our keys no longer': { answer: 403, body: error('AccessDenied') },
  'has no such bucket': { answer: 404, body: error('NoSuchBucket') },
};

/** That which leaves most behind meets with each request of each operation in turn, the others with one of them. */
const THOROUGH: PathFault = 'lose answer';
/** Requests of a long original. */
const STEPS = 8;

let server: S3Server;
let path: FaultyPath;
beforeAll(async () => {
  server = await startS3Server();
  path = await startFaultyPath(server.direct);
});
afterEach(() => {
  path.fault = () => null;
});
afterAll(async () => {
  await path?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

/** As short as they can be while a machine does much else. */
const LIMITS: Partial<S3Limits> = { answer: 400, work: 800, silence: 50, part: 5 * MIB };

/** All that a store is asked for, and what it answers where there is FORMER under PLACE and nothing else. */
const OPERATIONS: Readonly<Record<string, { work: (store: BlobStore) => Promise<unknown>; given: unknown }>> =
  {
    'a blob is read': {
      work: async (store) => (await buffer((await store.read(PLACE)).body)).equals(FORMER),
      given: true,
    },
    'a range is read': {
      work: async (store) => {
        const { body } = await store.read(PLACE, { start: 1000, end: 200_000 });
        return (await buffer(body)).equals(FORMER.subarray(1000, 200_001));
      },
      given: true,
    },
    'a segment is read': {
      work: async (store) => (await store.bytes(PLACE, 1000, 200_000)).equals(FORMER.subarray(1000, 201_000)),
      given: true,
    },
    'a blob is looked at': { work: async (store) => (await store.stat(PLACE))?.size, given: FORMER.length },
    'blobs are listed': {
      work: async (store) => (await Array.fromAsync(store.list('cache/'))).map(({ key }) => key),
      given: [PLACE],
    },
    'a blob is replaced': {
      work: async (store) =>
        (await store.write(PLACE, SMALL, { sync: false, verified: true, digest: sha256(SMALL) })).size,
      given: SMALL.length,
    },
    'a short original comes in': {
      work: async (store) => (await store.write(originalKey, Readable.from([SMALL]), { sync: true })).digest,
      given: sha256(SMALL),
    },
    'a long original comes in': {
      work: async (store) => (await store.write(originalKey, Readable.from([LONG]), { sync: true })).digest,
      given: sha256(LONG),
    },
    'blobs are copied': {
      work: async (store) => {
        await store.copyAll('cache/1/', 'cache/2/');
      },
      given: undefined,
    },
    'a blob is deleted': {
      work: async (store) => {
        await store.delete(PLACE);
      },
      given: undefined,
    },
    'blobs are deleted': {
      work: async (store) => {
        await store.deleteAll('cache/1/');
      },
      given: undefined,
    },
    'what was left is swept': { work: (store) => store.sweep(), given: { files: 0, bytes: 0 } },
  };

/** One operation in a bucket of its own, so that all of them can be broken off side by side. */
interface Trial extends AsyncDisposable {
  name: string;
  options: S3Options;
  work: () => Promise<unknown>;
  given: unknown;
  /** Past all faults. */
  truth: BlobStore;
  /** What its requests meet with. */
  fault: () => PathFault | null;
}

async function openTrials(limits: Partial<S3Limits>): Promise<Trial[]> {
  return Promise.all(
    Object.entries(OPERATIONS).map(async ([name, { work, given }]) => {
      const options = await server.bucket();
      const truth = await openS3BlobStore({ ...options, endpoint: server.direct });
      const store = await openS3BlobStore({
        ...options,
        endpoint: path.url,
        limits: { ...LIMITS, ...limits },
      });
      return {
        name,
        options,
        work: () => work(store),
        given,
        truth,
        fault: () => null,
        [Symbol.asyncDispose]: async () => {
          await truth[Symbol.asyncDispose]();
          await store[Symbol.asyncDispose]();
        },
      };
    }),
  );
}

async function prepare({ truth }: Trial): Promise<void> {
  for (const prefix of ['cache/', 'originals/']) await truth.deleteAll(prefix);
  await truth.write(PLACE, FORMER, { sync: false });
}

/** Whatever lies under a name of a blob is all of what may lie there, and nothing else is left for ever. */
async function expectWhole({ truth, options }: Trial): Promise<void> {
  const allowed = new Map<string, readonly Buffer[]>([
    [PLACE, [FORMER, SMALL]],
    [COPY, [FORMER]],
  ]);
  for (const prefix of ['cache/', 'originals/']) {
    for await (const { key } of truth.list(prefix)) {
      const bytes = await buffer((await truth.read(key)).body);
      const digest = digestOf(key);
      const whole =
        digest === null ? allowed.get(key)?.some((each) => each.equals(bytes)) : sha256(bytes) === digest;
      expect([key, whole]).toEqual([key, true]);
    }
  }
  // What could not be taken back while nothing was answered goes with the next sweep.
  await truth.sweep();
  expect(await server.uploads(options.bucket)).toBe(0);
  expect(await server.names(options.bucket, `${options.prefix}/temporary/`)).toEqual([]);
}

/** @returns how it ended, and whether it came to the request that was to meet with the fault */
async function tried(
  trial: Trial,
  fault: PathFault,
  at: number,
  times = Number.POSITIVE_INFINITY,
): Promise<{ outcome: unknown; reached: boolean }> {
  await prepare(trial);
  let count = 0;
  trial.fault = () => {
    count += 1;
    return count >= at && count < at + times ? fault : null;
  };
  const outcome = await trial.work().then(
    (answer) => ({ answer }),
    (error: { code?: string }) => error.code ?? error,
  );
  trial.fault = () => null;
  return { outcome, reached: count >= at };
}

/** By the same store, without a new start. */
async function goesOn({ name, work, given }: Trial): Promise<void> {
  await eventually(`that ${name} again`, () =>
    work().then(
      (answer) => isDeepStrictEqual(answer, given),
      () => false,
    ),
  );
}

/** Those that may pass, of which nobody is to notice that they were there once. (Silence is shown by itself.) */
const PASSING = [
  'asks to slow down',
  'has an error of its own',
  'breaks off while it is asked',
  'loses its answer',
  'breaks off while it answers',
  'ends in the middle of its answer',
];

function useTrials(limits: Partial<S3Limits>): Trial[] {
  const trials: Trial[] = [];
  beforeAll(async () => {
    trials.push(...(await openTrials(limits)));
  });
  afterAll(async () => {
    for (const trial of trials) await trial[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    path.fault = ({ target }) =>
      trials.find(({ options }) => target.startsWith(`/${options.bucket}`))?.fault() ?? null;
  });
  return trials;
}

describe('a store that fails', () => {
  const trials = useTrials({ attempts: 1 });

  it.each(Object.entries(FAULTS))(
    '%s: nothing is half there, the code tells it, and all goes on by itself',
    async (name, fault) => {
      const step = 1 + ((Object.keys(FAULTS).indexOf(name) + STEPS - 1) % STEPS);
      await Promise.all(
        trials.map(async (trial) => {
          // A blob that seems to be shorter is what whoever reads it compares with what it should be.
          if (fault === 'halve answer' && trial.name === 'a blob is read') return;
          const broken = async (at: number): Promise<boolean> => {
            const { outcome, reached } = await tried(trial, fault, at);
            const given = { answer: trial.given };
            expect([trial.name, at, outcome]).toEqual([
              trial.name,
              at,
              outcome === 'UNAVAILABLE' ? outcome : given,
            ]);
            await expectWhole(trial);
            if (fault !== THOROUGH || at === 1) await goesOn(trial);
            return reached;
          };
          if (fault === THOROUGH) for (let at = 1; await broken(at); at += 1);
          // On a busy machine it may fail before, by one of its limits.
          else while (!(await broken(trial.name === 'a long original comes in' ? step : 1)));
        }),
      );
    },
  );
});

describe('a store that fails once', () => {
  // However long it takes on a busy machine, nothing but the fault is to fail.
  const trials = useTrials({ answer: 20_000, work: 20_000, silence: 20_000 });

  it.each(PASSING)('%s: it is asked once more, and nobody notices', async (name) => {
    const fault = FAULTS[name] as PathFault;
    const step = 1 + (PASSING.indexOf(name) % STEPS);
    await Promise.all(
      trials.map(async (trial) => {
        const met = async (at: number): Promise<boolean> => {
          const { outcome, reached } = await tried(trial, fault, at, 1);
          expect([trial.name, at, outcome]).toEqual([trial.name, at, { answer: trial.given }]);
          await expectWhole(trial);
          return reached;
        };
        if (fault === THOROUGH) for (let at = 1; await met(at); at += 1);
        else expect(await met(trial.name === 'a long original comes in' ? step : 1)).toBe(true);
      }),
    );
  });
});

it('a store that fails is asked three times at most, and within seconds', async () => {
  const options = await server.bucket();
  await using store = await openS3BlobStore({ ...options, endpoint: path.url, limits: LIMITS });
  await store.write(PLACE, FORMER, { sync: false });
  for (const fault of ['asks to slow down', 'says nothing', 'breaks off while it is asked']) {
    path.fault = () => FAULTS[fault] ?? null;
    path.requests.length = 0;
    const begun = Date.now();
    await expect(store.stat(PLACE)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect([fault, path.requests.length]).toEqual([fault, 3]);
    expect(Date.now() - begun).toBeLessThan(10_000);
  }
  // A body that stays away is given up too, though each time its beginning was there.
  path.fault = ({ method }) => (method === 'GET' ? 'silent answer' : null);
  path.requests.length = 0;
  await expect(store.bytes(PLACE, 0, 100_000)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  // Three times; on a busy machine the beginning of an answer may be late too.
  expect(path.requests.length).toBeGreaterThanOrEqual(3);
  expect(path.requests.length).toBeLessThanOrEqual(9);
});

it('a store that is silent once is asked once more, and nobody notices', async () => {
  const options = await server.bucket();
  const limits = { answer: 1500, work: 1500, silence: 1500 };
  await using store = await openS3BlobStore({ ...options, endpoint: path.url, limits });
  await store.write(PLACE, FORMER, { sync: false });
  for (const fault of ['silence', 'silent answer'] as const) {
    const of = new Set<string>();
    path.fault = ({ method, target }) => {
      // A list that begins and then falls silent is given up, as is every answer that is no blob.
      if (of.has(target) || (fault === 'silent answer' && method !== 'GET')) return null;
      of.add(target);
      return fault;
    };
    const [size, whole, segment, other] = await Promise.all([
      store.stat(PLACE).then((there) => there?.size),
      store.read(PLACE).then(({ body }) => buffer(body)),
      store.bytes(PLACE, 1000, 200_000),
      store.write(COPY, SMALL, { sync: false }).then((written) => written.size),
    ]);
    expect([size, whole.equals(FORMER), segment.equals(FORMER.subarray(1000, 201_000)), other]).toEqual([
      FORMER.length,
      true,
      true,
      SMALL.length,
    ]);
  }
});

describe('bytes of a peer that are kept in a store that fails', () => {
  const film = randomBytes(4 * 262_144);
  let temporary: TemporaryDatabase;
  let fixture: DeliveryFixture;
  let store: BlobStore & AsyncDisposable;
  beforeAll(async () => {
    temporary = await openTemporarySqlite();
    store = await openS3BlobStore({
      ...(await server.bucket()),
      endpoint: path.url,
      limits: { ...LIMITS, answer: 150, attempts: 1 },
    });
    fixture = await openDeliveryFixture(temporary.database, { store });
  });
  afterAll(async () => {
    await fixture?.[Symbol.asyncDispose]();
    await store?.[Symbol.asyncDispose]();
    await temporary?.close();
  });

  /** What came until the end, or until it broke off. */
  const receive = async (file: DeliverableFile): Promise<{ bytes: Buffer; code: string | null }> => {
    const chunks: Buffer[] = [];
    try {
      const { body } = await fixture.delivery.open(file, null, { fill: true });
      for await (const chunk of body) chunks.push(chunk as Buffer);
    } catch (error) {
      return { bytes: Buffer.concat(chunks), code: (error as { code?: string }).code ?? String(error) };
    }
    return { bytes: Buffer.concat(chunks), code: null };
  };

  it.each(Object.entries(FAULTS))(
    '%s: what comes is right as far as it comes, and whole with the peer',
    async (_name, fault) => {
      const file = await fixture.addRemote(film);
      expect((await receive(file)).bytes.equals(film)).toBe(true);
      await fixture.delivery.flush();
      // From a process that has nothing of it in memory.
      await fixture.restart();
      let gets = 0;
      // Not at once, so that something has come.
      path.fault = ({ method }) => {
        if (method === 'GET') gets += 1;
        return gets > 2 ? fault : null;
      };
      await fixture.peer.goDown();
      const without = await receive(file);
      expect(without.bytes.equals(film.subarray(0, without.bytes.length))).toBe(true);
      expect(without.code === null).toBe(without.bytes.length === film.length);
      await fixture.peer.comeUp();
      const withPeer = await receive(file);
      expect([withPeer.code, withPeer.bytes.equals(film)]).toEqual([null, true]);
      path.fault = () => null;
      const after = await receive(file);
      expect([after.code, after.bytes.equals(film)]).toEqual([null, true]);
    },
  );
});
