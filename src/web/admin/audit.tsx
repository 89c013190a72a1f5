/** The audit: who did what, narrowed as one likes, and the same as a file. */

import type { FormEvent } from 'react';
import { AdminAuditDocument, AdminAuditNamesDocument, type AdminAuditQuery } from '../generated/graphql.ts';
import { Time } from '../parts/time.tsx';
import { bytes } from '../scripts/words.ts';
import { useAsked, usePages } from './asked.ts';
import { exportOf, filterOf, PARTS, type Part, partOf } from './audit-filter.ts';
import { Link } from './link.tsx';
import { Field, More, Refusal, Table } from './parts.tsx';
import type { SectionProps } from './sections.ts';
import { texts } from './texts.ts';

const words = texts.audit;
const MOMENT = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });

type Event = AdminAuditQuery['auditEvents']['nodes'][number];

const FIELDS = ['by', 'peer', 'action', 'from', 'until'] as const;

const eventsOf = ({ auditEvents }: AdminAuditQuery) => auditEvents;

export function Audit({ place, go, now }: SectionProps) {
  const filter = filterOf(place);
  const pages = usePages(AdminAuditDocument, { filter }, eventsOf);
  const names = useAsked(AdminAuditNamesDocument, {});
  const called = new Map(
    [...(names.data?.users.nodes ?? []), ...(names.data?.peers.nodes ?? [])].map(({ id, name }) => [
      id,
      name,
    ]),
  );
  const part = partOf(place);
  const { rows, trouble } = pages;
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const asked = FIELDS.map((name) => [name, String(form.get(name) ?? '').trim()] as const);
    go({ view: 'audit', part: part === 'people' ? '' : part, ...Object.fromEntries(asked) });
  };
  return (
    <>
      <h1>{words.name}</h1>
      <p className="lead">{words.lead}</p>
      <nav className="views" aria-label={words.parts}>
        {(Object.keys(PARTS) as Part[]).map((one) => (
          <Link
            key={one}
            to={{ ...place, part: one === 'people' ? '' : one, by: '' }}
            go={go}
            current={one === part}
          >
            {words[one]}
          </Link>
        ))}
      </nav>
      {/* Made anew where the address says something else, so that it shows what is looked at. */}
      <form className="filters" key={JSON.stringify(place)} onSubmit={submit}>
        {part === 'peers' ? null : (
          <Field label={words.by}>
            {(control) => (
              <select {...control} name="by" defaultValue={place['by'] ?? ''}>
                <option value="">{words.anybody}</option>
                {PARTS[part].map((kind) => (
                  <option key={kind} value={kind}>
                    {words.kinds[kind]}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        <Field label={words.peer}>
          {(control) => (
            <select {...control} name="peer" defaultValue={place['peer'] ?? ''}>
              <option value="">{words.anyPeer}</option>
              {names.data?.peers.nodes.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={words.action} hint={words.actionHint}>
          {(control) => (
            <input
              {...control}
              name="action"
              defaultValue={place['action'] ?? ''}
              autoComplete="off"
              spellCheck={false}
              maxLength={1_000}
            />
          )}
        </Field>
        <Field label={words.from}>
          {(control) => <input {...control} name="from" type="date" defaultValue={place['from'] ?? ''} />}
        </Field>
        <Field label={words.until}>
          {(control) => <input {...control} name="until" type="date" defaultValue={place['until'] ?? ''} />}
        </Field>
        <span className="buttons">
          <button type="submit" className="solid">
            {words.filter}
          </button>
          {FIELDS.some((name) => place[name]) ? (
            <Link className="chip" to={{ view: 'audit', part: place['part'] ?? '' }} go={go}>
              {words.clear}
            </Link>
          ) : null}
        </span>
      </form>
      <Refusal error={trouble ?? names.trouble} retry={pages.refresh} />
      {rows === null && trouble === null ? <p role="status">{texts.loading}</p> : null}
      {rows?.length === 0 ? <p className="quiet">{words.none}</p> : null}
      {rows === null || rows.length === 0 ? null : (
        <Table<Event>
          label={words.name}
          rows={rows}
          keyOf={({ id }) => id}
          columns={[
            { name: words.at, cell: ({ at }) => <Moment at={at} now={now} /> },
            { name: words.who, cell: (event) => <Who event={event} called={called} /> },
            { name: words.what, cell: (event) => <What event={event} /> },
            { name: words.target, cell: ({ target }) => <Target target={target} called={called} /> },
            {
              name: words.outcome,
              cell: ({ outcome, code }) => (
                <span className={outcome === 'done' ? '' : 'danger'}>
                  {words.outcomes[outcome] ?? outcome}
                  {code === null ? null : <small>{code}</small>}
                </span>
              ),
            },
            { name: words.address, cell: ({ address }) => address ?? '–' },
          ]}
        />
      )}
      <More more={pages.more} busy={pages.busy} />
      <h2>{words.export}</h2>
      <p className="quiet">{words.exportHint}</p>
      <p className="buttons after">
        {(['csv', 'ndjson'] as const).map((format) => (
          <a key={format} className="chip" href={`./audit.${format}?${exportOf(filter)}`} download>
            {words[format]}
          </a>
        ))}
      </p>
    </>
  );
}

/** When exactly is what an audit is asked. */
function Moment({ at, now }: { at: string; now: number }) {
  return (
    <span>
      <Time at={at} now={now} />
      <small>{MOMENT.format(new Date(at))}</small>
    </span>
  );
}

function Who({ event: { actorKind, actor }, called }: { event: Event; called: Map<string, string> }) {
  const kind = words.actors[actorKind];
  if (actor === null) return kind;
  if (actor === 'service') return words.service;
  if (actor === 'environment') return words.environment;
  return (
    <span title={actor}>
      {called.get(actor) ?? actor}
      <small>{kind}</small>
    </span>
  );
}

/** The name that a program knows, made into words: `session.begin`, `createUser`. */
function What({ event: { action, bytes: left, detail } }: { event: Event }) {
  const said = action
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replaceAll(/[.-]/g, ' ')
    .toLowerCase();
  const times = (detail as { count?: unknown } | null)?.count;
  const more = [
    typeof times === 'number' && times > 1 ? words.times(times) : null,
    left === null ? null : bytes(left),
  ].filter((one) => one !== null);
  return (
    <span title={action}>
      {said.charAt(0).toUpperCase() + said.slice(1)}
      {more.length === 0 ? null : <small>{more.join(', ')}</small>}
    </span>
  );
}

/** Ids of a target that are named; a batch may have very many. */
const NAMED = 3;

function Target({ target, called }: { target: string | null; called: Map<string, string> }) {
  if (target === null) return '–';
  const ids = target.split(' ');
  const some = ids.slice(0, NAMED).map((id) => called.get(id) ?? id);
  return (
    <span title={target}>
      {some.join(', ')}
      {ids.length > NAMED ? ` + ${ids.length - NAMED}` : ''}
    </span>
  );
}
