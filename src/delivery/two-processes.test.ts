/** Two processes that keep the same peer's files in one store, by the rows of one database. */

import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { digestsOf } from '../../test/support/byte-peer.ts';
import { expectTruth } from '../../test/support/cache-truth.ts';
import { openNewPostgres, type TemporaryDatabase } from '../../test/support/databases.ts';
import { content, type DeliveryFixture, openDeliveryFixture } from '../../test/support/delivery-fixture.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { Topic } from '../database/processes.ts';
import { SEGMENT_BYTES } from '../lib/media.ts';
import type { DeliverableFile, Delivery } from './delivery.ts';

const SEGMENT = SEGMENT_BYTES;
const FILM = content(3 * SEGMENT + 1234);
const PICTURE = content(20_000);
const CONTENTS = new Map([FILM, PICTURE].map((bytes) => [digestsOf(bytes).digest, bytes]));

/** What two processes tell each other; nothing is told as long as it is cut. */
function wires() {
  const listeners = [new Map<Topic, (name: string) => void>(), new Map<Topic, (name: string) => void>()];
  const wire = { cut: false };
  const end = (own: number) => ({
    tell: (topic: Topic, name: string) => {
      if (!wire.cut) listeners[1 - own]?.get(topic)?.(name);
    },
    hear: (topic: Topic, listener: (name: string | null) => void) => listeners[own]?.set(topic, listener),
  });
  return { wire, ends: [end(0), end(1)] as const };
}

describe('two processes on one store', () => {
  let database: TemporaryDatabase;
  let fixture: DeliveryFixture;
  let other: Delivery;
  let wire: { cut: boolean };

  beforeAll(async () => {
    database = await openNewPostgres();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    const { wire: made, ends } = wires();
    wire = made;
    fixture = await openDeliveryFixture(database.database, { othersWrite: 0, processes: ends[0] });
    other = await fixture.another({ processes: ends[1] });
  });
  afterEach(async () => {
    await other[Symbol.asyncDispose]();
    await fixture[Symbol.asyncDispose]();
    await database.database.prisma.cachedFile.deleteMany();
    await database.database.prisma.item.deleteMany();
  });

  const read = async (by: Delivery, file: DeliverableFile, range: [number, number] | null = null) => {
    const opened = await by.open(file, range && { start: range[0], end: range[1] }, { fill: true });
    const received = await buffer(opened.body);
    await by.flush();
    return { source: opened.source, received };
  };
  const rowsOf = ({ itemKey }: DeliverableFile) =>
    database.database.prisma.cachedFile.findMany({ where: { itemKey }, select: { bytes: true } });

  it('fill one file together, and each answers from what both have', async () => {
    const film = await fixture.addRemote(FILM);
    await Promise.all([
      read(fixture.delivery, film, [0, SEGMENT - 1]),
      read(other, film, [2 * SEGMENT, FILM.length - 1]),
      read(fixture.delivery, film, [SEGMENT, SEGMENT + 9]),
    ]);
    const before = fixture.fetched.bytes;
    for (const each of [fixture.delivery, other]) {
      // What each has is written, and what the other had written is taken over with it.
      await read(each, film, [0, 9]);
      await read(each, film, [2 * SEGMENT, 2 * SEGMENT + 9]);
      expect((await read(each, film)).received.equals(FILM)).toBe(true);
    }
    // Each asked at most for what it could not know of yet, and no more than once.
    expect(fixture.fetched.bytes - before).toBeLessThanOrEqual(2 * FILM.length);
    expect(await expectTruth(fixture, CONTENTS)).toMatchObject({ stored: FILM.length });
    await fixture.peer.goDown();
    for (const each of [fixture.delivery, other]) {
      expect((await read(each, film)).received.equals(FILM)).toBe(true);
    }
  });

  it('forget what the other was told to delete, small files in memory too', async () => {
    const film = await fixture.addRemote(FILM);
    const picture = await fixture.addRemote(PICTURE, { variant: 'thumbnail' });
    for (const file of [film, picture]) {
      await read(fixture.delivery, file);
      expect((await read(other, file)).source).toBe('cache');
    }
    await fixture.delivery.purgeAll();
    await fixture.peer.goDown();
    for (const file of [film, picture]) {
      await eventually(
        'it to be forgotten',
        async () => (await read(other, file).catch(({ code }) => code)) === 'PEER_UNREACHABLE',
      );
    }
    expect(await expectTruth({ ...fixture, delivery: other }, CONTENTS)).toMatchObject({ stored: 0 });
  });

  it('write nothing back that the other has removed, though nobody told them', async () => {
    const film = await fixture.addRemote(FILM);
    await read(fixture.delivery, film);
    await read(other, film);
    wire.cut = true;
    await fixture.delivery.purgeItem(film.itemKey);
    expect(await rowsOf(film)).toEqual([]);
    // It is used once more, which is written down, and found missing.
    fixture.clock.now += 3_600_000;
    const again = await read(other, film, [0, 9]);
    expect(again.received.equals(FILM.subarray(0, 10))).toBe(true);
    expect(await rowsOf(film)).toEqual([{ bytes: BigInt(SEGMENT) }]);
    expect(await expectTruth({ ...fixture, delivery: other }, CONTENTS)).toMatchObject({ stored: SEGMENT });
  });

  it('give a stream all of its bytes while the other deletes what it reads', async () => {
    const film = await fixture.addRemote(FILM);
    await read(fixture.delivery, film);
    const opened = await other.open(film, null, { fill: true });
    const chunks: Buffer[] = [];
    for await (const chunk of opened.body) {
      if (chunks.length === 0) await fixture.delivery.purgeItem(film.itemKey);
      chunks.push(Buffer.from(chunk as Buffer));
    }
    expect(Buffer.concat(chunks).equals(FILM)).toBe(true);
    await other.flush();
    await expectTruth({ ...fixture, delivery: other }, CONTENTS);
  });
});
