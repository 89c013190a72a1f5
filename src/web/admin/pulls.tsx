/** What was read from a peer, and when. */

import { AdminPullsDocument, type AdminPullsQuery, type PullLineFragment } from '../generated/graphql.ts';
import { Time } from '../parts/time.tsx';
import { useAsked, usePages } from './asked.ts';
import { type Column, More, Refusal, Table } from './parts.tsx';
import { texts } from './texts.ts';

/** The run that is under way or waits for its turn; null where none does. */
export function useRunning(id: string, pulse: number): PullLineFragment | null {
  const { data } = useAsked(AdminPullsDocument, { id, first: 3, after: null }, pulse);
  const runs = data === null ? [] : (pullsOf(data)?.nodes ?? []);
  return (
    runs.find(({ state }) => state === 'RUNNING') ?? runs.find(({ state }) => state === 'QUEUED') ?? null
  );
}

export function Pulls({ id, now, pulse }: { id: string; now: number; pulse: number }) {
  const { rows, more, busy, trouble, refresh } = usePages(AdminPullsDocument, { id }, pullsOf, pulse);
  const { columns } = texts.peer;
  const shown: Column<PullLineFragment>[] = [
    {
      name: columns.began,
      cell: ({ startedAt }) => (startedAt === null ? '–' : <Time past at={startedAt} now={now} />),
    },
    {
      name: columns.took,
      cell: ({ startedAt, finishedAt }) =>
        startedAt === null || finishedAt === null
          ? '–'
          : texts.peer.took(Date.parse(finishedAt) - Date.parse(startedAt)),
      numeric: true,
    },
    { name: columns.added, cell: ({ added }) => texts.number(added), numeric: true },
    { name: columns.changed, cell: ({ changed }) => texts.number(changed), numeric: true },
    { name: columns.removed, cell: ({ removed }) => texts.number(removed), numeric: true },
    { name: columns.skipped, cell: ({ skipped }) => texts.number(skipped), numeric: true },
    {
      name: columns.result,
      cell: (pull) => (
        <span className={pull.state === 'FAILED' ? 'danger' : ''}>{texts.peer.pullState(pull)}</span>
      ),
    },
  ];
  return (
    <section aria-labelledby="history">
      <h2 id="history">{texts.peer.history}</h2>
      <Refusal error={trouble} retry={refresh} />
      {rows === null ? (
        trouble === null ? (
          <p role="status">{texts.loading}</p>
        ) : null
      ) : rows.length === 0 ? (
        <p className="quiet">{texts.peer.historyNone}</p>
      ) : (
        <Table label={texts.peer.history} columns={shown} rows={rows} keyOf={(pull) => pull.id} />
      )}
      <More more={more} busy={busy} />
    </section>
  );
}

function pullsOf({ node }: AdminPullsQuery) {
  return node != null && 'operations' in node ? (node.operations?.pulls ?? null) : null;
}
