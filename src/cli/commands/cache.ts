/** `hedgerow cache`: what is kept of peers' bytes, and what an admin does about it. */

import type { Command } from 'commander';
import {
  CacheDocument,
  type CacheFieldsFragment,
  PinMediaDocument,
  PurgeCacheDocument,
  UpdatePeerDocument,
} from '../../../schema/generated/graphql.ts';
import type { CommandContext } from '../context.ts';
import { assertDone, present, UsageError } from '../failure.ts';
import { bytes, plural, printable, table } from '../terminal.ts';
import { findPeer } from './peers.ts';

const MODES = { none: 'NONE', thumbnails: 'THUMBNAILS', 'on-access': 'ON_ACCESS', mirror: 'MIRROR' } as const;

export function addCache(program: Command, { terminal, open }: CommandContext): void {
  const cache = program.command('cache').description("show what is kept of peers' files, or change it");
  cache
    .command('show', { isDefault: true })
    .description('show how much is kept of each peer (the default)')
    .option('--json', 'print it as JSON', false)
    .action(async ({ json }: { json: boolean }) => {
      await using backend = await open();
      const { cache: usage } = await backend.graphql(CacheDocument, {});
      terminal.out(json ? JSON.stringify(usage) : usageText(usage));
    });
  cache
    .command('purge')
    .description('delete what is kept of an item, of a peer, or of all; it is fetched again when asked for')
    .argument('[media id]', 'an item')
    .option('--peer <peer>', 'id or name: everything of that peer')
    .option('--all', 'everything', false)
    .option('--json', 'print what is kept then as JSON', false)
    .action(async (mediaId: string | undefined, options: { peer?: string; all: boolean; json: boolean }) => {
      const { peer, all, json } = options;
      if ([mediaId !== undefined, peer !== undefined, all].filter(Boolean).length !== 1) {
        throw new UsageError('Name an item, or a peer by --peer, or say --all: one of them.');
      }
      await using backend = await open();
      const input =
        mediaId !== undefined
          ? { mediaId }
          : peer !== undefined
            ? { peerId: (await findPeer(backend, peer, { all: true })).id }
            : { all: true };
      const { purgeCache } = await backend.graphql(PurgeCacheDocument, { input });
      assertDone(purgeCache.userErrors);
      const usage = present(purgeCache.cache);
      terminal.out(json ? JSON.stringify(usage) : usageText(usage));
    });
  for (const [verb, pinned, description] of [
    ['pin', true, 'never evict an item, whatever the budget'],
    ['unpin', false, 'let an item be evicted again'],
  ] as const) {
    cache
      .command(verb)
      .description(description)
      .argument('<media id>', 'an item of a peer')
      .action(async (id: string) => {
        await using backend = await open();
        const { pinMedia } = await backend.graphql(PinMediaDocument, { input: { id, pinned } });
        assertDone(pinMedia.userErrors);
        terminal.out(`${printable(present(pinMedia.media).title)}: ${pinned ? 'pinned' : 'not pinned'}`);
      });
  }
  cache
    .command('mode')
    .description('say which files of a peer are kept, and how many bytes they may take')
    .argument('<peer>', 'id or name')
    .argument('<mode>', `one of ${Object.keys(MODES).join(', ')}`)
    .option('--budget <bytes>', 'bytes that they may take, or none for no limit of its own')
    .action(async (wanted: string, word: string, { budget }: { budget?: string }) => {
      const mode = Object.hasOwn(MODES, word) ? MODES[word as keyof typeof MODES] : undefined;
      if (mode === undefined) throw new UsageError(`The mode is one of ${Object.keys(MODES).join(', ')}.`);
      if (budget !== undefined && budget !== 'none' && !/^\d{1,16}$/.test(budget)) {
        throw new UsageError('The budget is a number of bytes, or none.');
      }
      await using backend = await open();
      const { id } = await findPeer(backend, wanted);
      const { updatePeer } = await backend.graphql(UpdatePeerDocument, {
        input: {
          id,
          cacheMode: mode,
          ...(budget !== undefined && { cacheBudget: budget === 'none' ? null : budget }),
        },
      });
      assertDone(updatePeer.userErrors);
      terminal.out(`${printable(present(updatePeer.peer).name)}: ${word}`);
    });
}

function usageText(usage: CacheFieldsFragment): string {
  const sum = `${bytes(Number(usage.bytes))} of ${bytes(Number(usage.budget))} are used by ${plural(usage.items, 'item')}; ${bytes(Number(usage.pinnedBytes))} are pinned.`;
  if (usage.peers.length === 0) return sum;
  const rows = usage.peers.map(({ peer, bytes: kept, budget, items }) => [
    peer.name,
    bytes(Number(kept)),
    budget === null ? null : bytes(Number(budget)),
    items,
  ]);
  return `${sum}\n\n${table(['PEER', 'KEPT', 'OF ITS OWN', 'ITEMS'], rows)}`;
}
