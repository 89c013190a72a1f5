/** What may happen in a run, as JSON: a run that failed is kept as the list of its steps. */
import fc from 'fast-check';
import { FAULTS, type Fault } from './wire.ts';

/** What somebody does at the server. Items and albums are named by their places among those that are there. */
export type ServerAct =
  | { do: 'add'; count: number; kind: number; tags: number; to: number }
  | { do: 'edit'; at: number }
  | { do: 'tags'; at: number; tags: number }
  | { do: 'show'; at: number; count: number; to: number }
  | { do: 'delete'; at: number; count: number }
  | { do: 'new-album'; to: number }
  | {
      do: 'album';
      album: number;
      how: 'add' | 'remove' | 'title' | 'show' | 'delete';
      at: number;
      count: number;
      to: number;
    }
  | {
      do: 'grant';
      kinds: ('image' | 'video' | 'document')[] | null;
      tags: string[] | null;
      albums: number[] | null;
      access: 'metadata' | 'previews' | 'originals';
      until: 'never' | 'soon' | 'past';
    };

export type Side = 'server' | 'puller';

export type Step =
  /** `crash`: the server ends after so many statements of it. */
  | { do: 'act'; act: ServerAct; crash: number | null }
  | {
      do: 'pull';
      size: number;
      /** Among everything else, or as in a thread beside it: asking ahead, and giving way within a page. */
      apart: boolean;
      /** What is done to the answer of the request of that number. */
      faults: [request: number, fault: Fault][];
      /** What happens at the server before the request of that number, or in the midst of it, before a read. */
      acts: [request: number, read: number | null, act: ServerAct][];
      crash: { side: Side; after: number } | null;
    }
  | { do: 'hide'; at: number; hidden: boolean }
  | { do: 'backup'; side: Side }
  | { do: 'restore'; side: Side }
  | { do: 'resolve'; decision: 'REMOVE' | 'KEEP'; crash: number | null }
  /** 91 days pass, and the server forgets what it keeps for 90. */
  | { do: 'forget' }
  /** Faults stop and a pull runs: both sides agree. */
  | { do: 'quiet' };

const place = fc.nat(30);
const few = fc.integer({ min: 1, max: 4 });
const visibility = fc.oneof({ weight: 3, arbitrary: fc.constant(2) }, { weight: 3, arbitrary: fc.nat(3) });
const rarely = <T>(value: fc.Arbitrary<T>, freq = 5) => fc.option(value, { freq });

const grant: fc.Arbitrary<ServerAct> = fc.record({
  do: fc.constant('grant' as const),
  kinds: rarely(fc.subarray(['image', 'video', 'document'] as const), 1) as fc.Arbitrary<
    ('image' | 'video' | 'document')[] | null
  >,
  tags: rarely(fc.subarray(['red', 'green', 'blue']), 1),
  albums: rarely(fc.uniqueArray(fc.nat(5), { maxLength: 3 }), 1),
  access: fc.constantFrom('metadata', 'previews', 'originals'),
  until: fc.constantFrom('never', 'never', 'never', 'soon', 'past'),
});

const act: fc.Arbitrary<ServerAct> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      count: fc.oneof(
        { weight: 30, arbitrary: few },
        { weight: 1, arbitrary: fc.integer({ min: 52, max: 60 }) },
      ),
      kind: fc.nat(2),
      tags: fc.nat(7),
      to: visibility,
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('edit' as const), at: place }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('tags' as const), at: place, tags: fc.nat(7) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('show' as const), at: place, count: few, to: visibility }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), at: place, count: few }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('new-album' as const), to: visibility }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('album' as const),
      album: fc.nat(5),
      how: fc.constantFrom('add', 'add', 'add', 'remove', 'title', 'show', 'delete'),
      at: place,
      count: few,
      to: visibility,
    }),
  },
  { weight: 4, arbitrary: grant },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('act' as const), act, crash: rarely(fc.nat(30), 6) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('pull' as const),
      size: fc.constantFrom(1, 2, 3, 5, 100),
      apart: fc.boolean(),
      faults: fc.array(fc.tuple(fc.nat(2), fc.constantFrom(...FAULTS)), { maxLength: 2 }),
      acts: fc.array(fc.tuple(fc.nat(2), rarely(fc.nat(4), 2), fc.oneof(act, grant)), { maxLength: 2 }),
      crash: rarely(
        fc.record({ side: fc.constantFrom('server', 'puller'), after: fc.nat(60) }) as fc.Arbitrary<{
          side: Side;
          after: number;
        }>,
        3,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hide' as const), at: place, hidden: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('backup' as const), side: fc.constantFrom('server', 'puller') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('restore' as const), side: fc.constantFrom('server', 'puller') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('resolve' as const),
      decision: fc.constantFrom('REMOVE', 'KEEP'),
      crash: rarely(fc.nat(12)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('quiet' as const) }) },
);

const acted: fc.Arbitrary<Step> = act.map((one) => ({ do: 'act', act: one, crash: null }));
const readToTheEnd = fc.constant<Step>({ do: 'quiet' });

const retagged: fc.Arbitrary<Step> = fc
  .record({ do: fc.constant('tags' as const), at: place, tags: fc.nat(7) })
  .map((one) => ({ do: 'act', act: one, crash: null }));

/** A future that is read, forgotten, and followed by another one: by chance alone it comes about too rarely. */
const forgottenFuture: fc.Arbitrary<Step[]> = fc
  .record({
    side: fc.constantFrom<Side>('server', 'server', 'server', 'puller'),
    forgotten: fc.array(fc.oneof(acted, acted, step), { minLength: 1, maxLength: 4 }),
    instead: fc.array(fc.oneof(acted, acted, acted, step), { minLength: 1, maxLength: 5 }),
    end: readToTheEnd,
  })
  .map(({ side, forgotten, instead, end }) => [
    { do: 'backup', side },
    ...forgotten,
    end,
    { do: 'restore', side },
    ...instead,
    end,
  ]);

/** So many go at once, without a name, that they are held; and what an admin may say to that. */
const mishap: fc.Arbitrary<Step[]> = fc
  .record({
    count: fc.integer({ min: 52, max: 60 }),
    between: fc.array(step, { maxLength: 3 }),
    resolve: fc.record({
      do: fc.constant('resolve' as const),
      decision: fc.constantFrom('REMOVE', 'KEEP'),
      crash: rarely(fc.nat(12)),
    }),
    end: readToTheEnd,
  })
  .map(({ count, between, resolve, end }) => [
    { do: 'backup', side: 'server' },
    { do: 'act', act: { do: 'add', count, kind: 0, tags: 7, to: 2 }, crash: null },
    end,
    { do: 'restore', side: 'server' },
    end,
    ...between,
    resolve,
    ...between,
  ]);

/** Items leave a grant that goes by tags, and come back into it. */
const inAndOut: fc.Arbitrary<Step[]> = fc
  .record({
    tag: fc.constantFrom('red', 'green', 'blue'),
    changes: fc.array(retagged, { minLength: 2, maxLength: 5 }),
  })
  .map(({ tag, changes }) => {
    const end: Step = { do: 'quiet' };
    const grant: ServerAct = {
      do: 'grant',
      kinds: null,
      tags: [tag],
      albums: null,
      access: 'previews',
      until: 'never',
    };
    return [{ do: 'act', act: grant, crash: null }, end, ...changes, end];
  });

/** A pair that has something to lose: items of each kind, an album, and a copy of it all at the puller. */
const beginning: fc.Arbitrary<Step[]> = fc
  .record({ counts: fc.tuple(few, few, fc.nat(2)), tags: fc.nat(7), end: readToTheEnd })
  .map(({ counts, tags, end }) => [
    ...counts.flatMap((count, kind): Step[] =>
      count === 0
        ? []
        : [{ do: 'act', act: { do: 'add', count, kind, tags: tags ^ kind, to: 2 }, crash: null }],
    ),
    { do: 'act', act: { do: 'new-album', to: 2 }, crash: null },
    { do: 'act', act: { do: 'album', album: 0, how: 'add', at: 0, count: 2, to: 2 }, crash: null },
    end,
  ]);

/** A run: up to about thirty steps. */
export const steps: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.option(beginning, { freq: 5, nil: [] as Step[] }),
    fc.array(
      fc.oneof(
        { weight: 50, arbitrary: step.map((one) => [one]) },
        { weight: 4, arbitrary: forgottenFuture },
        { weight: 2, arbitrary: inAndOut },
        { weight: 1, arbitrary: mishap },
      ),
      { minLength: 3, maxLength: 16, size: 'max' },
    ),
  )
  .map(([begin, blocks]) => [...begin, ...blocks.flat()]);
