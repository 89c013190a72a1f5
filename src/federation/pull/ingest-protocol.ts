/** What the main thread and the one that takes catalogs in say to each other. */
import type { Beside } from '../../database/beside.ts';
import { type Code, HedgerowError } from '../../lib/errors.ts';
import { CursorExpired, type ListingPage } from '../dialects/dialect.ts';
import type { UnreadPage } from '../dialects/hedgerow-page.ts';
import type { AnswerVerdict } from '../identity/answer-signatures.ts';
import type { PullCounts, PullOutcome } from './pull-peer.ts';

/** The thread's `workerData`. */
export interface IngestData {
  beside: Beside;
}

/** To the thread. `run` is the number of a pull, `call` that of a question within it. */
export type ToIngest =
  | { type: 'run'; run: number; source: number; peer: PeerKind; now: number }
  /** An answer of a peer, to be proven and kept for the question that asked for it; `key` as peers' rows have it. */
  | { type: 'prove'; run: number; call: number; unread: UnreadPage; key: string }
  | { type: 'reply'; run: number; call: number; now: number; reply: Reply }
  | { type: 'turn'; turn: number };

/** From the thread. */
export type FromIngest =
  | { type: 'call'; run: number; call: number; ask: Ask }
  | { type: 'verdict'; run: number; call: number; verdict: AnswerVerdict }
  | { type: 'ended'; run: number; end: { outcome: PullOutcome } | { error: PostedError } }
  | { type: 'turn'; turn: number }
  | { type: 'turn over'; turn: number };

/** What the peer's client can do. */
export interface PeerKind {
  relists: boolean;
  /** Its answers are proven and read in the thread. */
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
  /** The page that was proven last for this question counts. */
  | { type: 'proven' }
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
