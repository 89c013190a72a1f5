/** Albums: lists of items, of this instance or of a peer. */

import { LOCAL_SOURCE } from '../catalog/items.ts';
import { builder } from './builder.ts';
import { Peer } from './peer.ts';

export const Album = builder.prismaObject('Album', {
  description: "A list of items; a peer's albums come with its items.",
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Opaque.' }),
    title: t.exposeString('title', { description: 'What the album is called.' }),
    description: t.exposeString('description', { nullable: true, description: 'What its owner says of it.' }),
    peer: t.field({
      type: Peer,
      nullable: true,
      description: 'Null for an album of this instance.',
      resolve: (album, _args, { load }) =>
        album.source === LOCAL_SOURCE ? null : load.peer.load(album.source),
    }),
  }),
});
