/** Browsers in which somebody is signed in, and tokens, each with the way to end it. */

import { useState } from 'react';
import {
  AdminEndSessionDocument,
  AdminRevokeTokenDocument,
  type SessionLineFragment,
  type TokenLineFragment,
} from '../generated/graphql.ts';
import { Time } from '../parts/time.tsx';
import { ask } from '../scripts/ask.ts';
import { browserOf } from '../scripts/browser-name.ts';
import { assertDone } from './asked.ts';
import { Confirm, Table } from './parts.tsx';
import { texts } from './texts.ts';

interface SessionsProps {
  sessions: readonly SessionLineFragment[];
  now: number;
  onEnded: (sentence: string) => void;
}

export function Sessions({ sessions, now, onEnded }: SessionsProps) {
  const words = texts.sessions;
  const [ending, setEnding] = useState<SessionLineFragment | null>(null);
  const nameOf = ({ userAgent }: SessionLineFragment) => browserOf(userAgent) ?? words.unknown;
  return (
    <>
      <Table
        label={words.label}
        rows={sessions}
        keyOf={({ id }) => id}
        columns={[
          {
            name: words.browser,
            cell: (session) => (
              <span title={session.userAgent ?? ''}>
                {nameOf(session)} {session.current ? <small>{words.here}</small> : null}
              </span>
            ),
          },
          { name: words.opened, cell: ({ createdAt }) => <Time at={createdAt} now={now} /> },
          { name: words.seen, cell: ({ lastSeenAt }) => <Time at={lastSeenAt} now={now} /> },
          {
            name: texts.cache.actions,
            cell: (session) => (
              <button
                type="button"
                className="chip small"
                aria-label={words.endOf(nameOf(session))}
                onClick={() => setEnding(session)}
              >
                {words.end}
              </button>
            ),
          },
        ]}
      />
      {ending === null ? null : (
        <Confirm
          title={words.endTitle}
          happens={[...words.endHappens, ...(ending.current ? words.endOwnHappens : [])]}
          doIt={words.end}
          danger
          onClose={() => setEnding(null)}
          onConfirm={async () => {
            const { endSession } = await ask(AdminEndSessionDocument, { input: { id: ending.id } });
            assertDone(endSession);
            onEnded(words.ended);
          }}
        />
      )}
    </>
  );
}

interface TokensProps {
  label: string;
  tokens: readonly TokenLineFragment[];
  now: number;
  onRevoked: (sentence: string) => void;
}

export function TokenTable({ label, tokens, now, onRevoked }: TokensProps) {
  const words = texts.tokens;
  const [revoking, setRevoking] = useState<TokenLineFragment | null>(null);
  return (
    <>
      <Table
        label={label}
        rows={tokens}
        keyOf={({ id }) => id}
        columns={[
          {
            name: words.token,
            cell: ({ name, prefix }) => (
              <span>
                {name} <small>{`${words.begins} ${prefix}`}</small>
              </span>
            ),
          },
          {
            name: words.scopes,
            cell: ({ scopes }) => scopes.map((scope) => words.scopeNames[scope]).join('; '),
          },
          {
            name: words.lastUsed,
            cell: ({ lastUsedAt }) =>
              lastUsedAt === null ? words.neverUsed : <Time at={lastUsedAt} now={now} />,
          },
          {
            name: words.expires,
            cell: ({ expiresAt }) => (expiresAt === null ? words.never : <Time at={expiresAt} now={now} />),
          },
          {
            name: texts.cache.actions,
            cell: (token) => (
              <button
                type="button"
                className="chip small"
                aria-label={words.revokeOf(token.name)}
                onClick={() => setRevoking(token)}
              >
                {words.revoke}
              </button>
            ),
          },
        ]}
      />
      {revoking === null ? null : (
        <Confirm
          title={words.revokeTitle(revoking.name)}
          happens={words.revokeHappens}
          doIt={words.revoke}
          danger
          onClose={() => setRevoking(null)}
          onConfirm={async () => {
            const { revokeApiToken } = await ask(AdminRevokeTokenDocument, { input: { id: revoking.id } });
            assertDone(revokeApiToken);
            onRevoked(words.revoked(revoking.name));
          }}
        />
      )}
    </>
  );
}
