/** What the main thread and the two that take catalogs in say to each other. */
import type { MessagePort } from 'node:worker_threads';
import type { Beside } from '../../database/beside.ts';
import type { SqlDialect } from '../../database/sql.ts';
import { type Code, HedgerowError } from '../../lib/errors.ts';
import { CursorExpired, type ListingPage } from '../dialects/dialect.ts';
import type { UnreadPage } from '../dialects/hedgerow-page.ts';
import type { AnswerVerdict } from '../identity/answer-signatures.ts';
import type { PullCounts, PullOutcome } from './pull-peer.ts';
import type { ReadyPage } from './ready-page.ts';

/** The `workerData` of the thread that stores. */
export interface IngestData {
  beside: Beside;
  /** Where pages come from. */
  pages: MessagePort;
}

/** The `workerData` of the thread that reads. */
export interface ReaderData {
  dialect: SqlDialect;
  /** Where pages go. */
  pages: MessagePort;
}

/** To the thread that stores. `run` is the number of a pull, `call` that of a question within it. */
export type ToIngest =
  | { type: 'run'; run: number; source: number; peer: PeerKind; now: number }
  /** `spoilt`: what was read for this question and does not count. */
  | { type: 'reply'; run: number; call: number; now: number; reply: Reply; spoilt: readonly number[] }
  | { type: 'turn'; turn: number };

/** To the thread that reads: an answer of a peer, to be proven and read; `key` as peers' rows have it. */
export interface ToReader {
  reading: number;
  unread: UnreadPage;
  key: string;
}

/** From the thread that reads. Where the peer signed the answer, what is in it goes to the thread that stores. */
export interface FromReader {
  reading: number;
  verdict: AnswerVerdict;
}

/** From the thread that reads to the one that stores. */
export interface PageRead {
  reading: number;
  result: { page: ReadyPage } | { error: PostedError };
}

/** From the thread that stores. */
export type FromIngest =
  | { type: 'call'; run: number; call: number; ask: Ask }
  | { type: 'ended'; run: number; end: { outcome: PullOutcome } | { error: PostedError } }
  | { type: 'turn'; turn: number }
  | { type: 'turn over'; turn: number };

/** What the peer's client can do. */
export interface PeerKind {
  relists: boolean;
  /** Its answers are proven and read in a thread. */
  proves: boolean;
}

/** What the thread cannot do itself. */
export type Ask =
  | { name: 'list'; cursor: string | null; limit: number }
  | { name: 'relistAfter' }
  | { name: 'onPage'; counts: PullCounts; total: number | null }
  | { name: 'onStale'; items: { key: number; id: string }[] };

export type Reply =
  | { type: 'page'; page: ListingPage }
  /** The page is what was read so. */
  | { type: 'proven'; reading: number }
  | { type: 'ms'; ms: number }
  | { type: 'done' }
  | { type: 'error'; error: PostedError };

/** An error keeps its code and what belongs to it; nothing else of it can be posted. */
export type PostedError =
  | {
      kind: 'known';
      code: Code;
      message: string;
      retryAfter: number | undefined;
      extra: Readonly<Record<string, unknown>>;
      cause: string | undefined;
    }
  | { kind: 'expired'; reason: CursorExpired['reason'] }
  | { kind: 'other'; message: string };

export function postError(error: unknown): PostedError {
  if (error instanceof CursorExpired) return { kind: 'expired', reason: error.reason };
  if (error instanceof HedgerowError) {
    const { code, message, retryAfter, extra, cause } = error;
    return {
      kind: 'known',
      code,
      message,
      retryAfter,
      extra,
      cause: cause === undefined ? undefined : textOf(cause),
    };
  }
  return { kind: 'other', message: textOf(error) };
}

export function postedError(posted: PostedError): Error {
  switch (posted.kind) {
    case 'expired':
      return new CursorExpired(posted.reason);
    case 'known': {
      const { code, message, retryAfter, extra, cause } = posted;
      return new HedgerowError(code, message, {
        extra,
        ...(retryAfter !== undefined && { retryAfter }),
        ...(cause !== undefined && { cause: new Error(cause) }),
      });
    }
    case 'other':
      return new Error(posted.message);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
