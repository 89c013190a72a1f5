import { HedgerowError } from '../lib/errors.ts';
import type { Accounts } from './accounts.ts';
import type { Audit, AuditEntry } from './audit.ts';

/** Who types commands: whoever may read the data folder. */
export const TERMINAL = { actorKind: 'TOKEN', actor: 'service' } as const satisfies Partial<AuditEntry>;

/** The terminal's commands on accounts, with a row of the audit for each that changes something, or tried. */
export function auditedAccounts(accounts: Accounts, audit: Pick<Audit, 'record'>): Accounts {
  const reading: readonly string[] = ['listUsers', 'listTokens'] satisfies (keyof Accounts)[];
  const wrapped = Object.entries(accounts).map(([name, work]) => {
    if (reading.includes(name)) return [name, work];
    const operation = work as (input: unknown) => Promise<unknown>;
    return [name, (input: unknown) => auditedCommand(audit, name, () => operation(input), targetOf)];
  });
  return Object.fromEntries(wrapped) as Accounts;
}

/** Runs a command of the terminal, and writes down what became of it. */
export async function auditedCommand<T>(
  audit: Pick<Audit, 'record'>,
  name: string,
  work: () => Promise<T>,
  targetOf: (result: T) => string | undefined = () => undefined,
): Promise<T> {
  const entry = { ...TERMINAL, action: `terminal.${name}` };
  try {
    const result = await work();
    await audit.record({ ...entry, outcome: 'done', target: targetOf(result) });
    return result;
  } catch (error) {
    const code = error instanceof HedgerowError ? error.code : 'INTERNAL';
    const outcome = new HedgerowError(code).status >= 500 ? 'failed' : 'refused';
    await audit.record({ ...entry, outcome, code });
    throw error;
  }
}

/** A row of an account or token, or what holds one; of a token that was made, its id and never itself. */
function targetOf(result: unknown): string | undefined {
  const { id, user, apiToken } = result as {
    id?: string;
    user?: { id?: string } | string;
    apiToken?: { id: string };
  };
  return id ?? apiToken?.id ?? (typeof user === 'object' ? user?.id : undefined);
}
