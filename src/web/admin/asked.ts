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
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` and `again` ask for the same once more
  useEffect(() => {
    const abort = new AbortController();
    ask(document, JSON.parse(key) as Variables, abort.signal).then(
      (data) => {
        setAnswer({ key, data });
        setTrouble(null);
      },
      (error: unknown) => {
        if (!abort.signal.aborted) setTrouble(leaveWhereSignedOut(error));
      },
    );
    return () => abort.abort();
  }, [document, key, round, again]);
  const refresh = useCallback(() => setRound((before) => before + 1), []);
  return { data: answer?.key === key ? answer.data : null, trouble, refresh };
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
  const [read, setRead] = useState<({ key: string } & Connection<Row>) | null>(null);
  const [trouble, setTrouble] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const [round, setRound] = useState(0);
  const shown = useRef(0);
  shown.current = read?.key === key ? read.nodes.length : 0;

  const fetchPage = useCallback(
    async (first: number, after: string | null, signal: AbortSignal): Promise<Connection<Row>> => {
      const asked = { ...JSON.parse(key), first, after } as Variables;
      const connection = connectionOf(await ask(document, asked, signal));
      return connection ?? { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } };
    },
    [document, key, connectionOf],
  );
  const turn = useRef(new AbortController());
  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` and `again` ask for the same once more
  useEffect(() => {
    const abort = new AbortController();
    turn.current = abort;
    // As many as are shown, so that what somebody reads does not go away.
    fetchPage(Math.min(PAGE_MAX, Math.max(PAGE, shown.current)), null, abort.signal).then(
      (page) => {
        setRead({ key, ...page });
        setTrouble(null);
        setBusy(false);
      },
      (error: unknown) => {
        if (!abort.signal.aborted) setTrouble(leaveWhereSignedOut(error));
      },
    );
    return () => abort.abort();
  }, [fetchPage, round, again]);

  const rows = read?.key === key ? read.nodes : null;
  const next = read?.key === key && read.pageInfo.hasNextPage ? read.pageInfo.endCursor : null;
  const more = () => {
    const { signal } = turn.current;
    setBusy(true);
    fetchPage(PAGE, next, signal).then(
      (page) => {
        if (signal.aborted) return;
        setRead({ key, ...page, nodes: [...(rows ?? []), ...page.nodes] });
        setBusy(false);
      },
      (error: unknown) => {
        if (signal.aborted) return;
        setTrouble(leaveWhereSignedOut(error));
        setBusy(false);
      },
    );
  };
  const refresh = useCallback(() => setRound((before) => before + 1), []);
  return { rows, more: next === null ? null : more, busy, trouble, refresh };
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
