/** `hedgerow pair`: takes up an invitation, and waits for the other catalog to arrive. */

import type { Command } from 'commander';
import { PairWithPeerDocument, PeerPullsDocument } from '../../../schema/generated/graphql.ts';
import type { CommandContext } from '../context.ts';
import { assertDone, Failed, present, UsageError } from '../failure.ts';
import { plural } from '../terminal.ts';
import { awaitPulls, isOpen, pullResult } from './pulls.ts';

interface Options {
  name?: string;
  endpoint?: string;
  shareBack: boolean;
  json: boolean;
}

export function addPair(program: Command, { terminal, open }: CommandContext): void {
  program
    .command('pair')
    .description('pair with the server that made an invitation, and wait for its catalog')
    .argument('<invitation>', 'the code, or - to read it from standard input')
    .option('--name <name>', 'what to call the peer here')
    .option('--endpoint <url>', "dial this in place of the invitation's URL")
    .option(
      '--share-back',
      'where the invitation asks for it, share all that is shared with peers here',
      false,
    )
    .option('--json', 'print the result as JSON', false)
    .action(async (given: string, { name, endpoint, shareBack, json }: Options) => {
      const invitation = (given === '-' ? await terminal.input() : given).trim();
      if (invitation === '') throw new UsageError('There is no invitation on standard input.');
      await using backend = await open();
      const input = {
        invitation,
        name: name ?? null,
        endpoint: endpoint ?? null,
        shareBack: shareBack ? {} : null,
      };
      const { pairWithPeer } = await backend.graphql(PairWithPeerDocument, { input });
      assertDone(pairWithPeer.userErrors);
      const peer = present(pairWithPeer.peer);
      if (!json) terminal.err(`Paired with ${peer.name}; its catalog is on the way.`);
      if (pairWithPeer.notice) terminal.err(`hedgerow: ${pairWithPeer.notice}`);

      const leave = new AbortController();
      using _interrupt = terminal.onInterrupt(() => leave.abort());
      const first = await backend.graphql(PeerPullsDocument, { id: peer.id });
      const pulls = first.node?.operations?.pulls.nodes ?? [];
      const [pull] = await awaitPulls(
        backend,
        pulls.map(({ id }) => id),
        { terminal, signal: leave.signal },
      );
      const { node } = await backend.graphql(PeerPullsDocument, { id: peer.id });
      const mediaCount = node?.mediaCount ?? 0;
      if (json) {
        terminal.out(
          JSON.stringify({
            peer: { ...peer, mediaCount },
            pull: pull ?? null,
            notice: pairWithPeer.notice ?? null,
          }),
        );
      } else if (pull === undefined || isOpen(pull)) {
        terminal.out(`Paired with ${peer.name}; ${plural(mediaCount, 'item')} so far.`);
      } else if (pull.state === 'FAILED') {
        terminal.err(
          `hedgerow: ${peer.name} is paired, but its catalog could not be had: ${pullResult(pull)}`,
        );
      } else {
        terminal.out(`Paired with ${peer.name}: ${plural(mediaCount, 'item')}.`);
      }
      if (pull?.state === 'FAILED') throw new Failed();
    });
}
