/** `hedgerow invite`: makes an invitation, and prints its code alone, so that it can be piped. */

import { type Command, InvalidArgumentError } from 'commander';
import { CreateInvitationDocument } from '../../../schema/generated/graphql.ts';
import type { CommandContext } from '../context.ts';
import { assertDone, present, UsageError } from '../failure.ts';
import { duration, plural } from '../terminal.ts';

interface Options {
  expires: number;
  note?: string;
  mutual: boolean;
  allowPrivate: boolean;
  json: boolean;
}

export function addInvite(program: Command, { terminal, open }: CommandContext): void {
  program
    .command('invite')
    .description('make an invitation for another server; its code is printed once, alone')
    .option('--expires <time>', 'how long it works, 1m to 60m or 1h', minutes, 60)
    .option('--note <text>', 'for whom it is')
    .option('--mutual', "ask for the other server's catalog too", false)
    .option('--allow-private', 'with --mutual: the other server may be on a private network', false)
    .option('--json', 'print everything as JSON', false)
    .action(async (options: Options) => {
      if (options.allowPrivate && !options.mutual) {
        throw new UsageError(
          '--allow-private is about the address of the other server, so it needs --mutual.',
        );
      }
      await using backend = await open();
      const input = {
        note: options.note ?? null,
        expiresInMinutes: options.expires,
        mutual: options.mutual,
        allowPrivateEndpoint: options.allowPrivate,
      };
      const { createInvitation } = await backend.graphql(CreateInvitationDocument, { input });
      assertDone(createInvitation.userErrors);
      const code = present(createInvitation.code);
      const invitation = present(createInvitation.invitation);
      if (options.json) {
        terminal.out(JSON.stringify({ code, ...invitation }));
        return;
      }
      const left = (Date.parse(invitation.expiresAt) - Date.now()) / 1000;
      terminal.err(
        `It opens ${plural(invitation.mediaCount, 'item')}, works once, and for ${duration(left)}:`,
      );
      terminal.out(code);
      if (invitation.placedCount > 0) {
        const many = plural(invitation.placedCount, 'original carries', 'originals carry');
        terminal.err(`Of these, ${many} the place where it was taken.`);
      }
      if (backend.server === null) {
        terminal.err('No server runs on this data folder; it has to when the other side pairs.');
      }
    });
}

/** Whole minutes of `45m`, `1h`, `90s` or a bare number of minutes. */
function minutes(text: string): number {
  const [, number = '', unit = 'm'] = /^(\d{1,5})(s|m|min|h)?$/.exec(text) ?? [];
  const value = number === '' ? Number.NaN : Number(number) * (unit === 'h' ? 60 : unit === 's' ? 1 / 60 : 1);
  if (!(value >= 1 && value <= 60)) throw new InvalidArgumentError('It takes 1m to 60m, or 1h.');
  return Math.ceil(value);
}
