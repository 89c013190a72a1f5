import type { Instance } from './instance.ts';

export interface AddPeerAnswer {
  peer: { id: string; name: string; dialect: string; verified: boolean } | null;
  userErrors: { field: string[] | null; code: string; message: string }[];
}

/** As an admin adds a server of another make. */
export async function tryAddPeer(
  home: Instance,
  input: { endpoint: string; token?: string | null; dialect?: string; name?: string },
): Promise<AddPeerAnswer> {
  const { addPeer } = await home.query<{ addPeer: AddPeerAnswer }>(
    `mutation ($input: AddPeerInput!) { addPeer(input: $input) {
      peer { id name dialect verified } userErrors { field code message } } }`,
    { input },
  );
  return addPeer;
}

/** The same; answers our id of the peer. */
export async function addPeer(...call: Parameters<typeof tryAddPeer>): Promise<string> {
  const { peer, userErrors } = await tryAddPeer(...call);
  if (peer === null) throw new Error(JSON.stringify(userErrors));
  return peer.id;
}
