/** Pages of the feed that a peer pulls. */
import { countBehind, type FeedEntry, type FeedRead, readFeed, readMark } from '../../catalog/feed.ts';
import { versionFor } from '../../catalog/grant.ts';
import { countPairView } from '../../catalog/pair-views.ts';
import { sharedItem } from '../../catalog/shared-item.ts';
import { readState } from '../../catalog/state.ts';
import type { Sql } from '../../database/sql.ts';
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { cursorKey, type FeedCursor, isCursor, openCursor, sealCursor } from '../cursors.ts';
import { BEHIND_MAX, PAGE_BYTES } from '../wire/limits.ts';
import type { CursorExpiry, StatusAnswer } from '../wire/messages.ts';
import type { ServedPeer } from './authenticate.ts';

type FeedPeer = Pick<ServedPeer, 'key' | 'id' | 'grant' | 'grantRevision'>;

/** Of the mark of a catalog in which nothing was ever shared. */
const NO_MARK = '0';

/**
 * The JSON of one page, as text: up to `limit` entries, and up to 8 MiB.
 *
 * @throws HedgerowError INVALID for what is no cursor; CURSOR_EXPIRED with `extra.reason`; REVOKED or GRANT_ENDED where
 *   that came about after the request was let in
 */
export async function feedPage(
  context: FederationContext,
  peer: FeedPeer,
  after: string | null,
  limit: number,
): Promise<string> {
  const cursor = await openFeedCursor(context, peer, after);
  const feed = await readCounted(context, peer, { after: cursor.sequence, start: cursor.start, limit });
  // The cursor was checked against an earlier moment; a restore in between is found out by the next page.
  const items: string[] = [];
  const removed: { id: string; reason: string; at: string }[] = [];
  let bytes = 0;
  let last = cursor.sequence;
  let cut = false;
  for (const entry of feed.entries) {
    const text = entryText(entry, peer);
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > PAGE_BYTES && (items.length > 0 || removed.length > 0)) {
      cut = true;
      break;
    }
    last = entry.sequence;
    if (entry.type === 'item') items.push(text);
    else removed.push({ id: entry.id, reason: entry.reason, at: new Date(entry.at).toISOString() });
  }
  const complete = feed.complete && !cut;
  // Once a listing has ended, what is removed afterwards is named from here on.
  const next = complete
    ? { sequence: feed.sequence, start: feed.sequence }
    : { sequence: last, start: cursor.start };
  // Nothing new: the same cursor, so that whoever polls has nothing to write either.
  const stays =
    feed.epoch === cursor.epoch && next.sequence === cursor.sequence && next.start === cursor.start;
  const sealed =
    after !== null && stays ? after : await sealFeedCursor(context, peer, { epoch: feed.epoch, ...next });
  const { sum } = feed;
  const end = complete && sum !== null ? `,"total":${sum.total},"checksum":"${sum.checksum}"` : '';
  return `{"epoch":${JSON.stringify(feed.epoch)},"items":[${items.join(',')}],"removed":${JSON.stringify(removed)},"cursor":"${sealed}","complete":${complete}${end}}`;
}

/** What `GET /federation/v1/status` answers. */
export async function peerStatus(
  context: FederationContext,
  peer: FeedPeer,
  after: string | null,
  software: { name: string; version: string },
): Promise<StatusAnswer> {
  const { read } = context.database;
  const cursor = after === null ? null : await openFeedCursor(context, peer, after);
  const feed = await readCounted(context, peer, {
    after: Number.MAX_SAFE_INTEGER,
    start: Number.MAX_SAFE_INTEGER,
    limit: 1,
  });
  const { sum } = feed;
  // Nothing was asked for after the end, so the feed is complete, and has its sum.
  if (sum === null) throw new Error('The sum of a pair was not counted.');
  return {
    cursor: await sealFeedCursor(context, peer, {
      epoch: feed.epoch,
      sequence: feed.sequence,
      start: feed.sequence,
    }),
    ...(cursor !== null && {
      behind: await countBehind(read, peer, cursor.sequence, cursor.start, BEHIND_MAX),
    }),
    total: sum.total,
    checksum: sum.checksum,
    grant: peer.grant,
    serverTime: new Date(context.now()).toISOString(),
    software,
    protocols: ['1'],
    capabilities: [],
  };
}

/**
 * The feed, where it is complete with the sum of what the pair may see. Under a new grant that is narrowed it is counted first, once; then it
 * is kept.
 */
async function readCounted(
  context: FederationContext,
  peer: FeedPeer,
  range: { after: number; start: number; limit: number },
): Promise<FeedRead> {
  const { database } = context;
  for (;;) {
    const feed = await readFeed(database.read, peer, range);
    // What was changed after this request was let in holds for it too: nothing is shown under the former grant.
    if (feed.isRevoked) throw new HedgerowError('REVOKED');
    if (feed.until !== null && Date.parse(feed.until) <= context.now())
      throw new HedgerowError('GRANT_ENDED');
    if (feed.grantRevision !== peer.grantRevision) throw expired('grant-changed');
    if (feed.sum !== null || !feed.complete) return feed;
    await countPairView(database, peer.key, peer.grantRevision);
  }
}

/**
 * Without a cursor a listing begins at the first change, and needs to be told only of removals from now on.
 * A cursor is compared with the mark that was written with its change, so that a server that was restored from
 * a backup, and whose numbers then ran on, is found out.
 */
async function openFeedCursor(
  context: FederationContext,
  peer: FeedPeer,
  text: string | null,
): Promise<FeedCursor> {
  const { read } = context.database;
  const state = await readState(read);
  const { grantRevision } = peer;
  if (text === null)
    return { epoch: state.epoch, sequence: 0, start: state.sequence, grantRevision, mark: '' };
  const cursor = openCursor(cursorKey(context.masterKey), peer.id, text);
  // In the form of ours and yet not ours: another server answered before, or this one lost its master key.
  if (cursor === null && isCursor(text)) throw expired('restored');
  if (cursor === null) throw new HedgerowError('INVALID', 'after is no cursor.', { field: ['after'] });
  if (cursor.epoch !== state.epoch) throw expired('restored');
  if (cursor.grantRevision !== grantRevision) throw expired('grant-changed');
  const newest = Math.max(cursor.sequence, cursor.start);
  if (newest > state.sequence) throw expired('restored');
  if (cursor.start < state.removalFloor) throw expired('expired');
  const mark = await markAt(read, newest);
  if (mark !== cursor.mark) throw expired(mark === null ? 'expired' : 'restored');
  return cursor;
}

async function sealFeedCursor(
  context: FederationContext,
  peer: FeedPeer,
  cursor: Omit<FeedCursor, 'mark' | 'grantRevision'>,
): Promise<string> {
  const mark = await markAt(context.database.read, Math.max(cursor.sequence, cursor.start));
  return sealCursor(cursorKey(context.masterKey), peer.id, {
    ...cursor,
    grantRevision: peer.grantRevision,
    mark: mark ?? '',
  });
}

async function markAt(database: Sql, sequence: number): Promise<string | null> {
  return sequence === 0 ? NO_MARK : readMark(database, sequence);
}

function entryText(entry: FeedEntry, { grant }: FeedPeer): string {
  if (entry.type === 'removed') return entry.id;
  const { item } = entry;
  return JSON.stringify({ ...sharedItem(item, grant), version: versionFor(grant, item) });
}

function expired(reason: CursorExpiry): HedgerowError {
  return new HedgerowError('CURSOR_EXPIRED', undefined, { extra: { reason } });
}
