/** What is kept of peers' bytes: how much, of whom, what of it is pinned; and deleting it. */

import { type FormEvent, useState } from 'react';
import {
  AdminCacheDocument,
  AdminFindRemoteDocument,
  AdminKeptItemsDocument,
  type AdminKeptItemsQuery,
  AdminPinMediaDocument,
  AdminPurgeCacheDocument,
  type CacheItemFragment,
  type PurgeCacheInput,
} from '../generated/graphql.ts';
import { Time } from '../parts/time.tsx';
import { ask } from '../scripts/ask.ts';
import { bytes } from '../scripts/words.ts';
import { assertDone, useAction, useAsked, usePages } from './asked.ts';
import { Link } from './link.tsx';
import { Confirm, Field, More, Refusal, Table } from './parts.tsx';
import type { SectionProps } from './sections.ts';
import { texts } from './texts.ts';

const words = texts.cache;

type Kept = AdminKeptItemsQuery['cache']['keptItems']['nodes'][number];

/** What somebody is asked about before it is deleted. */
interface Doomed {
  title: string;
  bytes: string;
  pinned: boolean;
  input: PurgeCacheInput;
}

export function Cache({ place, go, now, pulse, tell }: SectionProps) {
  const { data, trouble, refresh } = useAsked(AdminCacheDocument, {}, pulse);
  const [doomed, setDoomed] = useState<Doomed | null>(null);
  const [round, setRound] = useState(0);
  const renew = () => {
    refresh();
    setRound(round + 1);
  };
  const cache = data?.cache;
  return (
    <>
      <h1>{words.name}</h1>
      <p className="lead">{words.lead}</p>
      <Refusal error={trouble} retry={refresh} />
      {cache === undefined ? (
        trouble === null ? (
          <p role="status">{texts.loading}</p>
        ) : null
      ) : (
        <>
          <section className="card">
            <meter
              className="use"
              min={0}
              max={Math.max(1, Number(cache.budget))}
              value={Number(cache.bytes)}
              aria-label={words.use}
            />
            <p>
              {words.kept(cache.bytes, cache.budget, cache.items)} {words.pinnedOf(cache.pinnedBytes)}
            </p>
            {cache.bytes === '0' ? null : (
              <p className="after">
                <button
                  type="button"
                  className="chip danger"
                  onClick={() =>
                    setDoomed({
                      title: words.deleteAllTitle,
                      bytes: cache.bytes,
                      pinned: true,
                      input: { all: true },
                    })
                  }
                >
                  {words.deleteAll}
                </button>
              </p>
            )}
          </section>
          <h2>{words.perPeer}</h2>
          {cache.peers.length === 0 ? (
            <p className="quiet">{words.nothing}</p>
          ) : (
            <Table
              label={words.perPeer}
              rows={cache.peers}
              keyOf={({ peer }) => peer.id}
              columns={[
                {
                  name: words.peer,
                  cell: ({ peer }) => (
                    <Link to={{ view: 'peers', peer: peer.id }} go={go}>
                      {peer.name}
                    </Link>
                  ),
                },
                { name: words.bytes, numeric: true, cell: (row) => bytes(row.bytes) },
                { name: words.items, numeric: true, cell: ({ items }) => items.toLocaleString('en') },
                {
                  name: words.budget,
                  cell: ({ budget }) => (budget === null ? words.noBudget : bytes(budget)),
                },
                {
                  name: words.actions,
                  cell: (row) => (
                    <button
                      type="button"
                      className="chip small"
                      aria-label={words.deleteOf(row.peer.name)}
                      onClick={() =>
                        setDoomed({
                          title: words.deletePeerTitle(row.peer.name),
                          bytes: row.bytes,
                          pinned: true,
                          input: { peerId: row.peer.id },
                        })
                      }
                    >
                      {words.delete}
                    </button>
                  ),
                },
              ]}
            />
          )}
          <h2>{words.keptItems}</h2>
          <div className="filters">
            <Field label={words.of}>
              {(control) => (
                <select
                  {...control}
                  value={place['of'] ?? ''}
                  onChange={({ target }) => go({ ...place, of: target.value }, 'replace')}
                >
                  <option value="">{words.everyPeer}</option>
                  {cache.peers.map(({ peer }) => (
                    <option key={peer.id} value={peer.id}>
                      {peer.name}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <label className="check">
              <input
                type="checkbox"
                checked={place['pinned'] === 'yes'}
                onChange={({ target }) => go({ ...place, pinned: target.checked ? 'yes' : '' }, 'replace')}
              />
              <span>{words.onlyPinned}</span>
            </label>
          </div>
          <KeptItems
            peerId={place['of'] || null}
            pinned={place['pinned'] === 'yes' ? true : null}
            again={`${pulse} ${round}`}
            now={now}
            onDelete={setDoomed}
            onPinned={(sentence) => {
              tell(sentence);
              renew();
            }}
          />
          <Find
            onPinned={(sentence) => {
              tell(sentence);
              renew();
            }}
          />
        </>
      )}
      {doomed === null ? null : (
        <Confirm
          title={doomed.title}
          happens={words.happens(doomed.bytes, doomed.pinned)}
          doIt={words.delete}
          danger
          onClose={() => setDoomed(null)}
          onConfirm={async () => {
            const { purgeCache } = await ask(AdminPurgeCacheDocument, { input: doomed.input });
            assertDone(purgeCache);
            tell(words.deleted);
            renew();
          }}
        />
      )}
    </>
  );
}

interface KeptItemsProps {
  peerId: string | null;
  pinned: boolean | null;
  again: string;
  now: number;
  onDelete: (doomed: Doomed) => void;
  onPinned: (sentence: string) => void;
}

const keptItemsOf = ({ cache }: AdminKeptItemsQuery) => cache.keptItems;

function KeptItems({ peerId, pinned, again, now, onDelete, onPinned }: KeptItemsProps) {
  const pages = usePages(AdminKeptItemsDocument, { peerId, pinned }, keptItemsOf, again);
  const { rows, trouble } = pages;
  return (
    <>
      <Refusal error={trouble} retry={pages.refresh} />
      {rows === null && trouble === null ? <p role="status">{texts.loading}</p> : null}
      {rows?.length === 0 ? <p className="quiet">{words.noneSuch}</p> : null}
      {rows === null || rows.length === 0 ? null : (
        <Table<Kept>
          label={words.keptItems}
          rows={rows}
          keyOf={({ mediaId }) => mediaId}
          columns={[
            { name: words.item, cell: ({ media }) => (media === null ? words.gone : <Item item={media} />) },
            { name: words.bytes, numeric: true, cell: (row) => bytes(row.bytes) },
            { name: words.usedAt, cell: ({ usedAt }) => <Time at={usedAt} now={now} /> },
            {
              name: words.actions,
              cell: (row) => (
                <span className="buttons">
                  {row.media === null ? null : (
                    <Pin item={row.media} pinned={row.pinned} onPinned={onPinned} />
                  )}
                  <button
                    type="button"
                    className="chip small"
                    aria-label={words.deleteOf(row.media?.title ?? words.gone)}
                    disabled={row.media === null}
                    onClick={() =>
                      onDelete({
                        title: words.deleteItemTitle,
                        bytes: row.bytes,
                        pinned: row.pinned,
                        input: { mediaId: row.mediaId },
                      })
                    }
                  >
                    {words.delete}
                  </button>
                </span>
              ),
            },
          ]}
        />
      )}
      <More more={pages.more} busy={pages.busy} />
    </>
  );
}

function Item({ item }: { item: CacheItemFragment }) {
  return (
    <a className="item" href={`./?${new URLSearchParams({ item: item.id })}`}>
      {item.thumbnailUrl === null ? null : (
        <img src={item.thumbnailUrl} alt="" width="56" height="42" loading="lazy" />
      )}
      <span>
        {item.title} <small>{item.peer?.name}</small>
      </span>
    </a>
  );
}

interface PinProps {
  item: CacheItemFragment;
  pinned: boolean;
  onPinned: (sentence: string) => void;
}

function Pin({ item, pinned, onPinned }: PinProps) {
  const action = useAction();
  const { id, title } = item;
  return (
    <>
      <button
        type="button"
        className={pinned ? 'chip small set' : 'chip small'}
        aria-label={pinned ? words.unpinOf(title) : words.pinOf(title)}
        disabled={action.busy}
        onClick={() =>
          void action.run(async () => {
            const { pinMedia } = await ask(AdminPinMediaDocument, { input: { id, pinned: !pinned } });
            assertDone(pinMedia);
            onPinned(pinned ? words.nowUnpinned(title) : words.nowPinned(title));
          })
        }
      >
        {pinned ? words.unpin : words.pin}
      </button>
      <Refusal error={action.error} />
    </>
  );
}

/** An item of which nothing is kept yet can be pinned too. */
function Find({ onPinned }: { onPinned: (sentence: string) => void }) {
  const [found, setFound] = useState<readonly CacheItemFragment[] | null>(null);
  const action = useAction();
  const search = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const query = String(new FormData(event.currentTarget).get('query')).trim();
    if (query === '') return;
    void action.run(async () => setFound((await ask(AdminFindRemoteDocument, { query })).media.nodes));
  };
  return (
    <>
      <h2>{words.find}</h2>
      <form className="filters" onSubmit={search}>
        <Field label={words.item} hint={words.findHint}>
          {(control) => (
            <input {...control} name="query" type="search" autoComplete="off" maxLength={200} required />
          )}
        </Field>
        <button type="submit" className="chip" disabled={action.busy}>
          {words.findButton}
        </button>
      </form>
      <Refusal error={action.error} />
      {found?.length === 0 ? <p role="status">{words.noneFound}</p> : null}
      {found === null || found.length === 0 ? null : (
        <Table
          label={words.find}
          rows={found}
          keyOf={({ id }) => id}
          columns={[
            { name: words.item, cell: (item) => <Item item={item} /> },
            { name: words.actions, cell: (item) => <Pin item={item} pinned={false} onPinned={onPinned} /> },
          ]}
        />
      )}
    </>
  );
}
