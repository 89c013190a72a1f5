/** `hedgerow user`: the accounts of this instance. */

import { type Command, Option } from 'commander';
import type { AccountRow, WithLink } from '../../access/accounts.ts';
import { ROLES, type Role } from '../../access/viewer.ts';
import type { CommandContext } from '../context.ts';
import { UsageError } from '../failure.ts';
import { printable, type Terminal, table } from '../terminal.ts';

interface PasswordOptions {
  passwordStdin: boolean;
  json: boolean;
}

export function addUser(program: Command, { terminal, open }: CommandContext): void {
  const user = program.command('user').description('add, list and change accounts');
  user
    .command('add')
    .description('make an account; prints a link by which the person sets the password')
    .argument('<name>', 'what the person signs in as')
    .addOption(
      new Option('--role <role>', 'what the person may do')
        .choices(ROLES.map((role) => role.toLowerCase()))
        .default('viewer'),
    )
    .option('--password-stdin', 'read the password from standard input in place of making a link', false)
    .option('--json', 'print the result as JSON', false)
    .action(async (name: string, options: PasswordOptions & { role: string }) => {
      const password = await readPassword(terminal, options);
      await using backend = await open();
      const role = options.role.toUpperCase() as Role;
      show(terminal, await backend.accounts.addUser({ name, role, password }), options);
    });
  user
    .command('list')
    .description('list the accounts')
    .option('--json', 'print them as JSON', false)
    .action(async ({ json }: { json: boolean }) => {
      await using backend = await open();
      const rows = await backend.accounts.listUsers();
      terminal.out(json ? JSON.stringify(rows) : userTable(rows));
    });
  for (const [verb, description] of [
    ['disable', 'end the sessions of a person and let nobody sign in as them'],
    ['enable', 'let a person sign in again'],
  ] as const) {
    user
      .command(verb)
      .description(description)
      .argument('<user>', 'id or name')
      .action(async (wanted: string) => {
        await using backend = await open();
        const { accounts } = backend;
        const { name } =
          verb === 'disable'
            ? await accounts.disableUser({ user: wanted })
            : await accounts.enableUser({ user: wanted });
        terminal.out(`${printable(name)}: ${verb}d`);
      });
  }
  user
    .command('reset-password')
    .description('void the password of a person; prints a link to set a new one')
    .argument('<user>', 'id or name')
    .option('--password-stdin', 'read the new password from standard input in place of making a link', false)
    .option('--json', 'print the result as JSON', false)
    .action(async (wanted: string, options: PasswordOptions) => {
      const password = await readPassword(terminal, options);
      await using backend = await open();
      show(terminal, await backend.accounts.resetPassword({ user: wanted, password }), options);
    });
  user
    .command('reset-second-factor')
    .description('take the authenticator app and the recovery codes off a person who has lost them')
    .argument('<user>', 'id or name')
    .action(async (wanted: string) => {
      await using backend = await open();
      const { name } = await backend.accounts.resetSecondFactor({ user: wanted });
      terminal.out(`${printable(name)} signs in with the password alone.`);
    });
}

async function readPassword(
  terminal: Terminal,
  { passwordStdin }: PasswordOptions,
): Promise<string | undefined> {
  if (!passwordStdin) return undefined;
  const password = (await terminal.input()).replace(/\r?\n$/, '');
  if (password === '') throw new UsageError('There is no password on standard input.');
  return password;
}

function show(terminal: Terminal, { user, setupUrl }: WithLink, { json }: { json: boolean }): void {
  if (json) terminal.out(JSON.stringify({ ...user, setupUrl }));
  else if (setupUrl === null)
    terminal.out(`${printable(user.name)} can sign in as ${user.role.toLowerCase()}.`);
  else {
    terminal.err(`${printable(user.name)} sets the password here (once, within 72 hours):`);
    terminal.out(setupUrl);
  }
}

function userTable(rows: readonly AccountRow[]): string {
  return table(
    ['NAME', 'ROLE', 'STATE', 'SECOND FACTOR', 'SINCE', 'ID'],
    rows.map(({ name, role, disabledAt, secondFactor, createdAt, id }) => [
      name,
      role.toLowerCase(),
      disabledAt === null ? 'active' : 'disabled',
      secondFactor ? 'on' : 'off',
      createdAt.slice(0, 10),
      id,
    ]),
  );
}
