/** How soon this server learns of what a peer has changed, and who here is told. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakePeer, startFakePeer } from './support/fake-peer.ts';
import { eventually, type Instance, settled, startInstance } from './support/instance.ts';

let home: Instance;
beforeAll(async () => {
  home = await startInstance('Home');
});
afterAll(() => home?.[Symbol.asyncDispose]());

async function pairedWith(peer: FakePeer): Promise<string> {
  const { pairWithPeer } = await home.query<{ pairWithPeer: { peer: { id: string } } }>(
    'mutation ($code: String!) { pairWithPeer(input: {invitation: $code}) { peer { id } userErrors { message } } }',
    { code: peer.invitation() },
  );
  return pairWithPeer.peer.id;
}

describe('whoever follows pulls', () => {
  it('is told when one is queued, goes on and ends, and reads its counts meanwhile', async () => {
    await using peer = await startFakePeer();
    for (const n of Array(6).keys()) peer.put(`item${n}`);
    const id = await pairedWith(peer);
    await settled(home, id);

    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    for (const n of Array(6).keys()) peer.put(`more${n}`);
    peer.pageSize = 2;
    let pages = 0;
    peer.misbehave = async (asked, honest) => {
      if (asked.path === '/federation/v1/media') pages += 1;
      if (pages === 3) await held;
      return honest();
    };
    const ended = new AbortController();
    const followed = home.app.federation.changes.pulls(ended.signal);
    const { refreshPeer } = await home.query<{ refreshPeer: { pulls: { id: string; state: string }[] } }>(
      'mutation ($id: ID!) { refreshPeer(input: {id: $id}) { pulls { id state } } }',
      { id },
    );
    const pullId = refreshPeer.pulls[0]?.id;
    const seen: { state: string; added: number }[] = [];
    for await (const name of followed) {
      if (name !== pullId) continue;
      const { node } = await home.query<{ node: { state: string; added: number } }>(
        'query ($id: ID!) { node(id: $id) { ... on Pull { state added } } }',
        { id: name },
      );
      seen.push(node);
      if (node.added > 0) release();
      if (node.state === 'SUCCEEDED') break;
    }
    expect(seen.some(({ state, added }) => state === 'RUNNING' && added > 0 && added < 6)).toBe(true);
    expect(seen.at(-1)).toEqual({ state: 'SUCCEEDED', added: 6 });
  });
});

describe('whoever follows peers', () => {
  it('is told when one becomes unreachable, and when an admin changes it', async () => {
    await using peer = await startFakePeer();
    const id = await pairedWith(peer);
    await settled(home, id);
    const ended = new AbortController();
    const told = new Set<string>();
    const followed = await home.app.federation.changes.peers(ended.signal);
    const reading = (async () => {
      for await (const name of followed) told.add(name);
    })();
    await peer.goDown();
    await home.query('mutation ($id: ID!) { refreshPeer(input: {id: $id}) { pulls { id } } }', { id });
    await settled(home, id, 'OFFLINE');
    await eventually('the peer to be told of', async () => told.has(id));
    told.clear();
    await home.query(
      'mutation ($id: ID!) { updatePeer(input: {id: $id, name: "Anew"}) { userErrors { message } } }',
      { id },
    );
    await eventually('the new name to be told of', async () => told.has(id));
    ended.abort();
    await reading;
  });
});
