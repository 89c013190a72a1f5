/** `hedgerow token`: API tokens for programs. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { TokenRow } from '../../access/accounts.ts';
import { TOKEN_SCOPES, type TokenScope } from '../../access/viewer.ts';
import type { CommandContext } from '../context.ts';
import { ago, printable, table } from '../terminal.ts';

interface CreateOptions {
  scope: TokenScope[];
  user?: string;
  expires?: string;
  json: boolean;
}

export function addToken(program: Command, { terminal, open }: CommandContext): void {
  const token = program.command('token').description('create, list and revoke API tokens');
  token
    .command('create')
    .description('make a token; it is printed once, alone')
    .argument('<name>', 'what it is for')
    .addOption(
      new Option('--scope <scope>', `what it may do, several times or with commas: ${scopeNames()}`)
        .argParser(collectScopes)
        .default(['CATALOG_READ', 'MEDIA_READ'], 'catalog_read,media_read'),
    )
    .option('--user <user>', "whose it is, id or name; the instance's own where left out")
    .option('--expires <time>', 'when it ends, such as 30d, 12h or 2027-01-31', instant)
    .option('--json', 'print the result as JSON', false)
    .action(async (name: string, { scope, user, expires, json }: CreateOptions) => {
      await using backend = await open();
      const made = await backend.accounts.createToken({ name, scopes: scope, user, expiresAt: expires });
      if (json) {
        terminal.out(JSON.stringify({ ...made.apiToken, token: made.token }));
        return;
      }
      terminal.err(`${printable(made.apiToken.name)} (${made.apiToken.id}), shown this once:`);
      terminal.out(made.token);
    });
  token
    .command('list')
    .description('list the tokens in force')
    .option('--json', 'print them as JSON', false)
    .action(async ({ json }: { json: boolean }) => {
      await using backend = await open();
      const rows = await backend.accounts.listTokens();
      terminal.out(json ? JSON.stringify(rows) : tokenTable(rows));
    });
  token
    .command('revoke')
    .description('end a token')
    .argument('<token>', 'id or name')
    .action(async (wanted: string) => {
      await using backend = await open();
      const { name } = await backend.accounts.revokeToken({ token: wanted });
      terminal.out(`${printable(name)}: revoked`);
    });
}

function scopeNames(): string {
  return TOKEN_SCOPES.map((scope) => scope.toLowerCase()).join(', ');
}

/** The first one given replaces the default. */
function collectScopes(text: string, earlier: TokenScope[]): TokenScope[] {
  const scopes = text.split(',').map((part) => {
    const found = TOKEN_SCOPES.find((scope) => scope === part.trim().toUpperCase().replaceAll('-', '_'));
    if (found === undefined) throw new InvalidArgumentError(`It takes ${scopeNames()}.`);
    return found;
  });
  const given = earlier as TokenScope[] & { given?: boolean };
  return Object.assign(given.given === true ? [...earlier, ...scopes] : scopes, { given: true });
}

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

function instant(text: string): string {
  const [, number, unit = ''] = /^(\d{1,5})([mhdw])$/.exec(text) ?? [];
  const ms = number === undefined ? Date.parse(text) : Date.now() + Number(number) * (UNITS[unit] ?? 0);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It takes a time such as 30d, 12h or 2027-01-31.');
  return new Date(ms).toISOString();
}

function tokenTable(rows: readonly TokenRow[]): string {
  return table(
    ['NAME', 'BEGINS', 'SCOPES', 'OWNER', 'ENDS', 'USED', 'ID'],
    rows.map(({ name, prefix, scopes, user, expiresAt, lastUsedAt, id }) => [
      name,
      `${prefix}…`,
      scopes.map((scope) => scope.toLowerCase()).join(','),
      user,
      expiresAt?.slice(0, 10) ?? 'never',
      ago(lastUsedAt),
      id,
    ]),
  );
}
