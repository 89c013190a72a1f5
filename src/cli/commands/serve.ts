/** `hedgerow serve`: runs the server until it is told to end. */

import type { Command } from 'commander';
import { decideConfig } from '../../config/config.ts';
import { readEnvironment } from '../../config/env.ts';
import type { CommandContext } from '../context.ts';

export function addServe(program: Command, { terminal, environment, host }: CommandContext): void {
  program
    .command('serve')
    .description('run the server until SIGTERM or Ctrl-C')
    .action(async () => {
      const { config, secrets } = decideConfig(readEnvironment(environment));
      const stopped = Promise.withResolvers<void>();
      // Before the start: a server that is told to end while it migrates ends afterwards, not in the middle.
      using _interrupt = terminal.onInterrupt(() => stopped.resolve());
      await using server = await host.serve(config, secrets);
      if (server.setupUrl !== null) {
        terminal.out(
          `Nobody has an account yet. Make the admin's, with this link that works once:\n\n  ${server.setupUrl}\n`,
        );
      }
      terminal.out(`Hedgerow ${server.version} ready on ${server.url}`);
      await stopped.promise;
    });
}
