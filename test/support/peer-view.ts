/** What an admin sees of a peer, and what is stored of it. */

import { eventually, type Instance } from './instance.ts';

export interface PeerView {
  status: string;
  health: string;
  operations: {
    pull: {
      error: { code: string; message: string } | null;
      inSync: boolean | null;
      nextAttemptAt: string | null;
    };
    pulls: { nodes: { id: string; state: string }[] };
  };
}

export async function peerView(instance: Instance, peerId: string): Promise<PeerView> {
  const { node } = await instance.query<{ node: PeerView }>(
    `query ($id: ID!) { node(id: $id) { ... on Peer { status health operations {
      pull { error { code message } inSync nextAttemptAt } pulls(first: 20) { nodes { id state } } } } } }`,
    { id: peerId },
  );
  return node;
}

/** Pulls now, waits for the end, and answers what the admin then sees. */
export async function refreshed(instance: Instance, peerId: string): Promise<PeerView> {
  const { refreshPeer } = await instance.query<{ refreshPeer: { pulls: { id: string }[] } }>(
    'mutation ($id: ID!) { refreshPeer(input: {id: $id}) { pulls { id } userErrors { code message } } }',
    { id: peerId },
  );
  const id = refreshPeer.pulls[0]?.id;
  return eventually(`the end of ${id}`, async () => {
    const seen = await peerView(instance, peerId);
    const pulls = seen.operations.pulls.nodes;
    const ended = pulls.every(({ state }) => /SUCCEEDED|FAILED/.test(state));
    return ended && pulls.some((pull) => pull.id === id) && seen;
  });
}

/** The peer's row and its items, as they are stored. */
export async function storedOf(instance: Instance, peerId: string) {
  const { prisma } = instance.app.database;
  const peer = await prisma.peer.findUniqueOrThrow({ where: { id: peerId } });
  const items = await prisma.item.findMany({
    where: { source: peer.key },
    select: { id: true, remoteId: true, version: true, title: true, visibility: true, held: true },
    orderBy: { remoteId: 'asc' },
  });
  return { peer, items };
}

/** Titles of what is shown of a peer, sorted. */
export async function shownOf(instance: Instance, peerId: string): Promise<string[]> {
  const { media } = await instance.query<{ media: { nodes: { title: string }[] } }>(
    'query ($id: ID!) { media(origin: REMOTE, filter: {peerIds: [$id]}, first: 100) { nodes { title } } }',
    { id: peerId },
  );
  return media.nodes.map(({ title }) => title).sort();
}
