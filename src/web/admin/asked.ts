/** Asking the server from a section: what is read, page by page where there is much of it, and what is done. */

import { useCallback, useEffect, useRef, useState } from 'react';
import type { ErrorCode, TypedDocumentString } from '../generated/graphql.ts';
import { signInHere } from '../parts/sign-in-here.ts';
import { ask, Refused } from '../scripts/ask.ts';

export interface UserError {
  field: string[] | null;
  code: ErrorCode;
  message: string;
}

/** What whoever asked can put right, as `userErrors` of an answer say it. */
export class Unmet extends Error {
  readonly userErrors: readonly UserError[];

  constructor(userErrors: readonly UserError[]) {
    super(userErrors.map(({ message }) => message).join(' '));
    this.userErrors = userErrors;
  }
}

/** @throws Unmet where there is something to put right */
export function assertDone({ userErrors }: { userErrors: readonly UserError[] }): void {
  if (userErrors.length > 0) throw new Unmet(userErrors);
}

export interface Asked<Result> {
  /** As it was last read; null until it was. */
  data: Result | null;
  trouble: Error | null;
  refresh: () => void;
}

/** @param again - asks anew where it changes, and shows what is there until the answer has come */
export function useAsked<Result, Variables extends Record<string, unknown>>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  again: unknown = null,
): Asked<Result> {
  const key = JSON.stringify(variables);
  const [answer, setAnswer] = useState<{ key: string; data: Result } | null>(null);
  const [trouble, setTrouble] = useState<Error | null>(null);
  const read = useCallback(
    async (signal: AbortSignal) => {
      try {
        const data = await ask(document, JSON.parse(key) as Variables, signal);
        setAnswer({ key, data });
        setTrouble(null);
      } catch (error) {
        if (!signal.aborted) setTrouble(leaveWhereSignedOut(error));
      }
    },
    [document, key],
  );
  const refresh = useReading(read, again);
  return { data: answer?.key === key ? answer.data : null, trouble, refresh };
}

/**
 * Reads at once, and anew where it is asked for. One reading at a time: what is asked for meanwhile is read once, afterwards,
 * so that a slow way gets its answers however often something changes.
 *
 * @param read - never rejects; another one takes the place of the former at once
 */
function useReading(read: (signal: AbortSignal) => Promise<void>, again: unknown): () => void {
  const reader = useRef(() => {});
  const seen = useRef(again);
  useEffect(() => {
    const abort = new AbortController();
    let running = false;
    let wanted = false;
    const go = async (): Promise<void> => {
      running = true;
      do {
        wanted = false;
        await read(abort.signal);
      } while (wanted && !abort.signal.aborted);
      running = false;
    };
    reader.current = () => {
      if (running) wanted = true;
      else void go();
    };
    reader.current();
    return () => abort.abort();
  }, [read]);
  useEffect(() => {
    if (seen.current === again) return;
    seen.current = again;
    reader.current();
  }, [again]);
  return useCallback(() => reader.current(), []);
}

interface Connection<Row> {
  nodes: Row[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

export interface Pages<Result, Row> extends Omit<Asked<Result>, 'data'> {
  rows: readonly Row[] | null;
  /** Null where nothing follows. */
  more: (() => void) | null;
  busy: boolean;
}

const PAGE = 20;
const PAGE_MAX = 500;

/**
 * A list of which more can be had.
 *
 * @param connectionOf - the list within an answer; the same function each time
 */
export function usePages<Result, Row, Variables extends Record<string, unknown>>(
  document: TypedDocumentString<Result, Variables>,
  variables: Omit<Variables, 'first' | 'after'>,
  connectionOf: (answer: Result) => Connection<Row> | null,
  again: unknown = null,
): Pages<Result, Row> {
  const key = JSON.stringify(variables);
  const [page, setPage] = useState<({ key: string } & Connection<Row>) | null>(null);
  const [trouble, setTrouble] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const shown = page?.key === key ? page : null;
  const latest = useRef<typeof page>(null);
  const appending = useRef(false);

  const read = useCallback(
    async (signal: AbortSignal) => {
      const before = latest.current?.key === key ? latest.current : null;
      const append = appending.current && before !== null;
      appending.current = false;
      let nodes = append ? before.nodes : [];
      let pageInfo = append ? before.pageInfo : { hasNextPage: true, endCursor: null };
      // Read anew, as many as are shown: what somebody looks at does not go away.
      const goal = append ? nodes.length + PAGE : Math.max(PAGE, before?.nodes.length ?? 0);
      try {
        while (nodes.length < goal && pageInfo.hasNextPage) {
          const first = Math.min(PAGE_MAX, goal - nodes.length);
          const asked = { ...JSON.parse(key), first, after: pageInfo.endCursor } as Variables;
          const connection = connectionOf(await ask(document, asked, signal));
          nodes = [...nodes, ...(connection?.nodes ?? [])];
          pageInfo = connection?.pageInfo ?? { hasNextPage: false, endCursor: null };
        }
        latest.current = { key, nodes, pageInfo };
        setPage(latest.current);
        setTrouble(null);
      } catch (error) {
        if (!signal.aborted) setTrouble(leaveWhereSignedOut(error));
      }
      if (!signal.aborted) setBusy(false);
    },
    [document, key, connectionOf],
  );
  const refresh = useReading(read, again);
  const more = () => {
    appending.current = true;
    setBusy(true);
    refresh();
  };
  return {
    rows: shown?.nodes ?? null,
    more: shown?.pageInfo.hasNextPage === true ? more : null,
    busy,
    trouble,
    refresh,
  };
}

export interface Action {
  busy: boolean;
  error: Error | null;
  /** Does it unless it is being done; what it throws is `error`. @returns whether it was done */
  run: (work: () => Promise<void>) => Promise<boolean>;
}

export function useAction(): Action {
  const [state, setState] = useState<{ busy: boolean; error: Error | null }>({ busy: false, error: null });
  const running = useRef(false);
  const run = useCallback(async (work: () => Promise<void>) => {
    if (running.current) return false;
    running.current = true;
    setState({ busy: true, error: null });
    try {
      await work();
      setState({ busy: false, error: null });
      return true;
    } catch (error) {
      setState({ busy: false, error: leaveWhereSignedOut(error) });
      return false;
    } finally {
      running.current = false;
    }
  }, []);
  return { ...state, run };
}

/** A session that is over leads to the sign-in page, and from there back here. */
function leaveWhereSignedOut(error: unknown): Error {
  if (error instanceof Refused && error.code === 'UNAUTHENTICATED') location.replace(signInHere());
  return error instanceof Error ? error : new Error(String(error));
}
