/**
 * How soon a change at a peer is in the puller's list: two servers in one process, real sockets, real files, SQLite. With
 * the stream of events; and, as the floor beneath it, the same with a pull that is asked for right after each change.
 *
 *   npm run bench:pull-latency -- [--changes 50] [--items 1000]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { sql } from '../src/database/sql.ts';
import { pair, settled, startInstance } from '../test/support/instance.ts';
import { newItem } from '../test/support/items.ts';

const { values } = parseArgs({
  options: {
    changes: { type: 'string', default: '50' },
    items: { type: 'string', default: '1000' },
  },
});
const changes = Number(values.changes);
const items = Number(values.items);
/** ms between two looks at the puller's list. */
const LOOK_EVERY = 5;

await using garden = await startInstance('Garden');
await using home = await startInstance('Home');
await garden.app.catalog.local.add(
  Array.from({ length: items }, (_, index) => newItem({ title: `item ${index}`, visibility: 'PEERS' })),
);
const id = await pair(garden, home);
await settled(home, id, 'ONLINE', 600_000);
await home.app.federation.updatePeer(id, { interval: 86_400 });

await appears('warm-up');
const listened: number[] = [];
const asked: number[] = [];
// By turns, so that both meet the same machine; at moments that follow no beat of the other side's.
for (let change = 0; change < changes; change += 1) {
  await sleep(1_000 + Math.random() * 1_000);
  listened.push(await appears(`listened ${change}`));
  await sleep(1_000 + Math.random() * 1_000);
  asked.push(await appears(`asked ${change}`, () => home.app.federation.refresh(id)));
}
report('with the stream of events', listened);
report('with a pull asked for at once', asked);

/** ms from the change to its being in the list. */
async function appears(title: string, then: () => Promise<unknown> = async () => {}): Promise<number> {
  await garden.app.catalog.local.add([newItem({ title, visibility: 'PEERS' })]);
  const begun = performance.now();
  await then();
  for (;;) {
    const row = await home.app.database.read.get(sql`SELECT 1 AS there FROM items WHERE title = ${title}`);
    if (row !== undefined) return performance.now() - begun;
    if (performance.now() - begun > 60_000) throw new Error(`${title} did not appear`);
    await sleep(LOOK_EVERY);
  }
}

function report(what: string, times: number[]): void {
  const sorted = times.toSorted((x, y) => x - y);
  const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN);
  console.log(`${what}: ${times.length} changes, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms`);
}
