/** `hedgerow sync`: pulls from one peer, or from all, and waits. */

import type { Command } from 'commander';
import { RefreshPeerDocument } from '../../../schema/generated/graphql.ts';
import type { CommandContext } from '../context.ts';
import { assertDone, Failed } from '../failure.ts';
import { table } from '../terminal.ts';
import { findPeer } from './peers.ts';
import { awaitPulls, pullResult } from './pulls.ts';

export function addSync(program: Command, { terminal, open }: CommandContext): void {
  program
    .command('sync')
    .description('pull from a peer, or from all, and wait until it is done')
    .argument('[peer]', 'id or name; all active peers where left out')
    .option('--json', 'print the result as JSON', false)
    .action(async (wanted: string | undefined, { json }: { json: boolean }) => {
      await using backend = await open();
      const peer = wanted === undefined ? null : await findPeer(backend, wanted);
      const { refreshPeer } = await backend.graphql(RefreshPeerDocument, { input: { id: peer?.id ?? null } });
      assertDone(refreshPeer.userErrors);
      const leave = new AbortController();
      using _interrupt = terminal.onInterrupt(() => leave.abort());
      const ids = refreshPeer.pulls.map(({ id }) => id);
      const pulls = await awaitPulls(backend, ids, { terminal, signal: leave.signal });
      if (json) terminal.out(JSON.stringify(pulls));
      else if (pulls.length === 0) terminal.err('There is no active peer to pull from.');
      else
        terminal.out(
          table(
            ['PEER', 'RESULT'],
            pulls.map((pull) => [pull.peer.name, pullResult(pull)]),
          ),
        );
      if (pulls.some(({ state }) => state !== 'SUCCEEDED')) throw new Failed();
    });
}
