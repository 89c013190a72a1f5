/** The audit of signing in and out, and of the links that stand in for a password: whoever uses them is still unknown. */

import type { IncomingHttpHeaders } from 'node:http';
import { HedgerowError } from '../lib/errors.ts';
import type { Access } from './access.ts';
import type { Audit, AuditEntry } from './audit.ts';

/** The same access, with a row of the audit for each attempt. Names and passwords that were typed are in none. */
export function auditedAccess(access: Access, audit: Pick<Audit, 'record'>): Access {
  /** Done is written before it is answered; of a refusal, whose time must tell nothing, nobody waits for the row. */
  async function attempt<T>(
    entry: Pick<AuditEntry, 'action' | 'address'>,
    work: () => Promise<T>,
    who: (result: T) => string | undefined,
    meant: () => Promise<string | undefined> = async () => undefined,
    detail: (result: T) => AuditEntry['detail'] = () => undefined,
  ): Promise<T> {
    try {
      const result = await work();
      const actor = who(result);
      const actorKind = actor === undefined ? 'ANONYMOUS' : 'USER';
      await audit.record({
        ...entry,
        actorKind,
        actor,
        target: actor,
        outcome: 'done',
        detail: detail(result),
      });
      return result;
    } catch (error) {
      const known = error instanceof HedgerowError && error.code !== 'INTERNAL' ? error : undefined;
      const refusal: AuditEntry = {
        ...entry,
        actorKind: 'ANONYMOUS',
        outcome: known === undefined ? 'failed' : 'refused',
        code: known?.code ?? 'INTERNAL',
      };
      void meant()
        .catch(() => undefined)
        .then((target) => audit.record({ ...refusal, target }));
      throw error;
    }
  }

  return {
    ...access,
    signIn: (credentials) =>
      attempt(
        { action: 'session.begin', address: credentials.address },
        () => access.signIn(credentials),
        ({ viewer }) => viewer.user.id,
        // A name that nobody has may be a password that was typed in the wrong field.
        async () => (await access.users.findByName(credentials.name))?.id,
        ({ proof }) => (proof === null ? undefined : { secondFactor: proof }),
      ),
    signInAtProvider: (answer) =>
      attempt(
        { action: 'session.begin', address: answer.address },
        () => access.signInAtProvider(answer),
        ({ user }) => user.id,
      ),
    signOut: async (headers: IncomingHttpHeaders, address) => {
      const viewer = await access.viewer({ cookie: headers.cookie }).catch(() => null);
      const who = viewer?.user?.id;
      if (who === undefined) return access.signOut(headers, address);
      return attempt(
        { action: 'session.end', address },
        () => access.signOut(headers, address),
        () => who,
      );
    },
    setup: {
      ...access.setup,
      createAdmin: (input) =>
        attempt(
          { action: 'setup.create-admin', address: input.address },
          () => access.setup.createAdmin(input),
          (user) => user.id,
        ),
    },
    users: {
      ...access.users,
      setPasswordByLink: (input) =>
        attempt(
          { action: 'password.set-by-link', address: input.address },
          () => access.users.setPasswordByLink(input),
          (user) => user.id,
        ),
    },
  };
}
