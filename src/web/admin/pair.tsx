/** Pairing: an invitation that is made here, one that was made elsewhere, and servers of another make. */

import { useCallback, useState } from 'react';
import {
  AdminCancelInvitationDocument,
  AdminInvitationsDocument,
  type AdminInvitationsQuery,
  type InvitationLineFragment,
} from '../generated/graphql.ts';
import { Time } from '../parts/time.tsx';
import { ask } from '../scripts/ask.ts';
import { assertDone, usePages } from './asked.ts';
import { Foreign } from './foreign.tsx';
import { Invite } from './invite.tsx';
import { type Column, Confirm, More, Refusal, Table } from './parts.tsx';
import type { SectionProps } from './sections.ts';
import { TakeUp } from './take-up.tsx';
import { texts } from './texts.ts';

export function Pair({ go, now, pulse, tell }: SectionProps) {
  const [round, setRound] = useState(0);
  const renew = useCallback(() => setRound((before) => before + 1), []);
  return (
    <>
      <h1>{texts.pair.name}</h1>
      <p className="lead">{texts.pair.lead}</p>
      <div className="halves">
        <Invite onMade={renew} />
        <TakeUp go={go} pulse={pulse} />
      </div>
      <Invitations now={now} again={`${pulse} ${round}`} onChanged={renew} tell={tell} />
      <Foreign go={go} tell={tell} />
    </>
  );
}

function Invitations({
  now,
  again,
  onChanged,
  tell,
}: Pick<SectionProps, 'now' | 'tell'> & { again: string; onChanged: () => void }) {
  const { rows, more, busy, trouble, refresh } = usePages(AdminInvitationsDocument, {}, listOf, again);
  const [cancelled, setCancelled] = useState<string | null>(null);
  const { columns } = texts.pair;
  const shown: Column<InvitationLineFragment>[] = [
    { name: columns.note, cell: ({ note }) => note ?? <span className="quiet">{texts.pair.noNote}</span> },
    {
      name: columns.opens,
      cell: ({ grant, mediaCount, placedCount }) => (
        <>
          {texts.pair.items(mediaCount, placedCount)}
          <small>{texts.grant.words(grant)}</small>
        </>
      ),
    },
    { name: columns.state, cell: (invitation) => stateOf(invitation, now) },
    { name: columns.made, cell: ({ createdAt }) => <Time past at={createdAt} now={now} /> },
    {
      name: columns.cancel,
      cell: (invitation) =>
        isOpen(invitation, now) ? (
          <button
            type="button"
            className="link"
            aria-label={texts.pair.cancelOne(invitation.note ?? texts.pair.noNote)}
            onClick={() => setCancelled(invitation.id)}
          >
            {texts.pair.cancel}
          </button>
        ) : null,
    },
  ];
  return (
    <section aria-labelledby="invitations">
      <h2 id="invitations">{texts.pair.open}</h2>
      <Refusal error={trouble} retry={refresh} />
      {rows === null ? (
        trouble === null ? (
          <p role="status">{texts.loading}</p>
        ) : null
      ) : rows.length === 0 ? (
        <p className="quiet">{texts.pair.none}</p>
      ) : (
        <Table label={texts.pair.open} columns={shown} rows={rows} keyOf={({ id }) => id} />
      )}
      <More more={more} busy={busy} />
      {cancelled === null ? null : (
        <Confirm
          danger
          title={texts.pair.cancelTitle}
          happens={texts.pair.cancelHappens}
          doIt={texts.pair.cancelIt}
          leave={texts.pair.keepIt}
          onConfirm={async () => {
            const { cancelInvitation } = await ask(AdminCancelInvitationDocument, {
              input: { id: cancelled },
            });
            assertDone(cancelInvitation);
            onChanged();
            tell(texts.pair.cancelled);
          }}
          onClose={() => setCancelled(null)}
        />
      )}
    </section>
  );
}

function listOf({ invitations }: AdminInvitationsQuery) {
  return invitations;
}

function isOpen({ usedAt, cancelledAt, expiresAt }: InvitationLineFragment, now: number): boolean {
  return usedAt === null && cancelledAt === null && Date.parse(expiresAt) > now;
}

function stateOf(invitation: InvitationLineFragment, now: number): string {
  const { usedAt, cancelledAt, expiresAt } = invitation;
  const { states } = texts.pair;
  if (usedAt !== null) return states.used(usedAt, now);
  if (cancelledAt !== null) return states.cancelled(cancelledAt, now);
  return isOpen(invitation, now) ? states.open(expiresAt, now) : states.expired(expiresAt, now);
}
