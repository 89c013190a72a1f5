/**
 * Limits that hold for all processes of a database together (docs/adr/0081-limits-of-several-processes.md).
 *
 * A leaky bucket of each name is one row. A process takes a slice of it ahead, and answers from that without asking
 * anybody; while half of the slice is left it fetches the next one. A slice is good until the bucket has forgotten it: so
 * all processes together let pass what one bucket holds, and beyond that at most a slice for each of them.
 *
 * A bucket is one of its name and policy: where a limit is changed there is another from then on, of which nothing is taken
 * yet. What was taken of the former one says little of it: after a lowered limit it would be owed for hours.
 */
import { entriesCache } from '../lib/entries-cache.ts';
import type { Database } from './database.ts';
import type { Processes } from './processes.ts';
import { type Sql, sql } from './sql.ts';

export interface SharedPolicy {
  /** What may be done at once. */
  readonly capacity: number;
  /** ms after which one of it is forgotten. */
  readonly leak: number;
}

export interface SharedLimits {
  /**
   * Takes so much of the bucket of a name: 0; or takes nothing: ms after which it is worth asking again. At once where a
   * slice is here; otherwise after a question to the database.
   */
  take(name: string, policy: SharedPolicy, amount?: number): number | Promise<number>;
  /** Puts back what was taken, and was not used after all. */
  give(name: string, policy: SharedPolicy, amount?: number): Promise<void>;
  /** Empties the bucket of a name. */
  forget(name: string, policy: SharedPolicy): Promise<void>;
  /** Takes one of so many places; the answer gives it back. Null: all are taken. */
  place(name: string, most: number): Promise<(() => void) | null>;
  /** Removes what says nothing any more. */
  sweep(): Promise<void>;
}

/** Names of which this process remembers slices. */
const NAMES = 20_000;
/** Of a bucket, what a process takes ahead. */
const SLICE = 1 / 16;
/** Of all places, what a process takes ahead. */
const PLACES = 1 / 8;
/** ms after a place was left until what is not used any more is given back. */
const SETTLE = 200;
/** ms; no bucket takes longer to leak empty. */
const FORGOTTEN = 2 * 3_600_000;

const NOW = sql`CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)`;

interface Slice {
  /** What was taken ahead and is left, the oldest first, each with when the bucket has forgotten it, ms since any moment. */
  parts: { left: number; size: number; endsAt: number }[];
  /** Nothing is to be had before. */
  closedUntil: number;
  fetching: Promise<number> | null;
}

interface Places {
  used: number;
  held: number;
  /** One change of the row at a time. */
  changing: Promise<unknown>;
  settling: NodeJS.Timeout | undefined;
}

/** Null where there is one process, whose own counts are all that there are. */
export function createSharedLimits(
  database: Pick<Database, 'read' | 'writeRecoverable'>,
  processes: Pick<Processes, 'id' | 'several'>,
  /** ms since any moment, never set back */
  monotonic: () => number = () => performance.now(),
): SharedLimits | null {
  if (!processes.several) return null;
  const slices = entriesCache<string, Slice>(NAMES);
  const places = new Map<string, Places>();

  function sliceOf(name: string): Slice {
    let slice = slices.get(name);
    if (slice === undefined) {
      slice = { parts: [], closedUntil: 0, fetching: null };
      slices.set(name, slice);
    }
    return slice;
  }

  /** Fetches a slice, or where that is too much the least that is of use; ms to wait where even that is. */
  function fetch(name: string, slice: Slice, policy: SharedPolicy, amount: number): Promise<number> {
    slice.fetching ??= (async () => {
      const ahead = Math.max(amount, Math.floor(policy.capacity * SLICE), 1);
      const askedAt = monotonic();
      for (const wanted of ahead > amount ? [ahead, amount] : [amount]) {
        if (!(await takeRow(database, name, policy, wanted))) continue;
        slice.parts.push({ left: wanted, size: wanted, endsAt: askedAt + wanted * policy.leak });
        return 0;
      }
      const wait = await waitOf(database.read, name, policy, amount);
      slice.closedUntil = monotonic() + wait;
      return wait;
    })().finally(() => {
      slice.fetching = null;
    });
    return slice.fetching;
  }

  function spend(slice: Slice, amount: number): boolean {
    const now = monotonic();
    slice.parts = slice.parts.filter(({ left, endsAt }) => left > 0 && endsAt > now);
    if (leftOf(slice) < amount) return false;
    let due = amount;
    for (const part of slice.parts) {
      const from = Math.min(due, part.left);
      part.left -= from;
      due -= from;
    }
    return true;
  }

  async function takeSlowly(
    name: string,
    slice: Slice,
    policy: SharedPolicy,
    amount: number,
  ): Promise<number> {
    for (;;) {
      const wait = await fetch(name, slice, policy, amount);
      if (spend(slice, amount)) return 0;
      // Others have spent what was fetched; whoever is refused is refused.
      if (wait > 0) return wait;
    }
  }

  function placesOf(name: string): Places {
    let known = places.get(name);
    if (known === undefined) {
      known = { used: 0, held: 0, changing: Promise.resolve(), settling: undefined };
      places.set(name, known);
    }
    return known;
  }

  /** Holds as many as there are used, and some ahead where there is room; as it is now the turn of this. */
  function hold(name: string, known: Places, most: number | null): Promise<unknown> {
    known.changing = known.changing
      .catch(() => {})
      .then(async () => {
        known.held = await database.writeRecoverable((tx) => holdPlaces(tx, processes.id, name, known, most));
        if (known.used === 0 && known.held === 0) places.delete(name);
      });
    return known.changing;
  }

  function leave(name: string, known: Places): void {
    known.used -= 1;
    known.settling ??= setTimeout(() => {
      known.settling = undefined;
      // Where this fails it is done with the next one; a process that ends gives back all.
      hold(name, known, null).catch(() => {});
    }, SETTLE).unref();
  }

  return {
    take: (bucket, policy, amount = 1) => {
      const name = nameOf(bucket, policy);
      const slice = sliceOf(name);
      if (spend(slice, amount)) {
        const size = slice.parts.at(-1)?.size ?? 0;
        if (leftOf(slice) < size / 2 && slice.fetching === null && monotonic() >= slice.closedUntil) {
          // Nobody waits for it; where it fails, the next one asks.
          fetch(name, slice, policy, amount).catch(() => {});
        }
        return 0;
      }
      const wait = slice.closedUntil - monotonic();
      return wait > 0 ? Math.ceil(wait) : takeSlowly(name, slice, policy, amount);
    },
    give: async (bucket, policy, amount = 1) => {
      const name = nameOf(bucket, policy);
      const { leak } = policy;
      await database.writeRecoverable((tx) =>
        tx.run(
          sql`UPDATE limit_buckets SET level = GREATEST(0, level - (${NOW} - at) / CAST(${leak} AS double precision) - ${amount}), at = ${NOW} WHERE name = ${name}`,
        ),
      );
      sliceOf(name).closedUntil = 0;
    },
    forget: async (bucket, policy) => {
      const name = nameOf(bucket, policy);
      slices.delete(name);
      await database.writeRecoverable((tx) => tx.run(sql`DELETE FROM limit_buckets WHERE name = ${name}`));
    },
    place: async (name, most) => {
      const known = placesOf(name);
      known.used += 1;
      if (known.used > known.held) {
        try {
          await hold(name, known, most);
        } catch (error) {
          known.used -= 1;
          throw error;
        }
        if (known.used > known.held) {
          known.used -= 1;
          return null;
        }
      }
      let left = false;
      return () => {
        if (!left) leave(name, known);
        left = true;
      };
    },
    sweep: async () => {
      await database.writeRecoverable(async (tx) => {
        await tx.run(sql`DELETE FROM limit_buckets WHERE at < ${NOW} - ${FORGOTTEN}`);
        await tx.run(
          sql`DELETE FROM limit_places l WHERE NOT EXISTS (SELECT 1 FROM processes p WHERE p.id = l.holder AND p.alive_until > ${NOW})`,
        );
      });
    },
  };
}

function nameOf(bucket: string, { capacity, leak }: SharedPolicy): string {
  return `${bucket} (${capacity}, ${leak})`;
}

function leftOf({ parts }: Slice): number {
  return parts.reduce((sum, { left }) => sum + left, 0);
}

async function takeRow(
  database: Pick<Database, 'writeRecoverable'>,
  name: string,
  { capacity, leak }: SharedPolicy,
  amount: number,
): Promise<boolean> {
  const level = sql`GREATEST(0, b.level - GREATEST(0, excluded.at - b.at) / CAST(${leak} AS double precision)) + ${amount}`;
  // An amount above the capacity is given once the bucket is empty, which then owes the rest.
  const room = Math.max(capacity, amount);
  const changed = await database.writeRecoverable((tx) =>
    tx.run(
      sql`INSERT INTO limit_buckets AS b (name, level, at) VALUES (${name}, ${amount}, ${NOW})
          ON CONFLICT (name) DO UPDATE SET level = ${level}, at = GREATEST(b.at, excluded.at) WHERE ${level} <= ${room} + 0.000001`,
    ),
  );
  return changed > 0;
}

/** ms until so much is to be had, as far as is known now; at least one. */
async function waitOf(
  read: Sql,
  name: string,
  { capacity, leak }: SharedPolicy,
  amount: number,
): Promise<number> {
  const row = await read.get<{ level: number }>(
    sql`SELECT GREATEST(0, level - GREATEST(0, ${NOW} - at) / CAST(${leak} AS double precision)) AS level FROM limit_buckets WHERE name = ${name}`,
  );
  return Math.max(1, Math.ceil(((row?.level ?? 0) + Math.min(amount, capacity) - capacity) * leak));
}

/** Writes how many places this process holds; `most` null: only as many as it uses. */
async function holdPlaces(
  tx: Sql,
  holder: string,
  name: string,
  { used, held }: Pick<Places, 'used' | 'held'>,
  most: number | null,
): Promise<number> {
  await tx.all(sql`SELECT pg_advisory_xact_lock(hashtext(${`places of ${name}`}))`);
  let wanted = used;
  if (most !== null) {
    const others = await tx.get<{ places: number }>(
      sql`SELECT CAST(COALESCE(SUM(l.places), 0) AS int) AS places FROM limit_places l JOIN processes p ON p.id = l.holder WHERE l.name = ${name} AND l.holder <> ${holder} AND p.alive_until > ${NOW}`,
    );
    const room = most - (others?.places ?? 0);
    wanted = Math.max(0, Math.min(room, used + Math.max(0, Math.floor(most * PLACES))));
  }
  if (wanted === held) return held;
  await tx.run(
    wanted === 0
      ? sql`DELETE FROM limit_places WHERE name = ${name} AND holder = ${holder}`
      : sql`INSERT INTO limit_places (name, holder, places) VALUES (${name}, ${holder}, ${wanted}) ON CONFLICT (name, holder) DO UPDATE SET places = excluded.places`,
  );
  return wanted;
}
