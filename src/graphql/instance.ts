/** This instance, as it presents itself. */

import type { InstanceIdentity } from '../federation/federation.ts';
import { builder } from './builder.ts';
import { DEFAULT_ORDER } from './media-types.ts';

export const Instance = builder.objectRef<InstanceIdentity>('Instance').implement({
  description: 'This instance.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Opaque; the same for as long as its data lives.' }),
    name: t.exposeString('name', { description: 'What it is called.' }),
    version: t.string({ description: 'Of the program.', resolve: (_it, _args, { version }) => version }),
    publicUrl: t.expose('publicUrl', { type: 'URL', description: 'Where peers and browsers reach it.' }),
    thumbprint: t.exposeString('thumbprint', {
      description: 'RFC 7638 thumbprint of its key, for comparing.',
    }),
    federation: t.exposeBoolean('federation', { description: 'Whether federation is switched on.' }),
    mediaCount: t.int({
      description: 'Its own items that the viewer may see.',
      complexity: 10,
      resolve: (_instance, _args, { catalog, reader }) =>
        catalog.count(reader, { origin: 'LOCAL', filter: {}, order: DEFAULT_ORDER }),
    }),
  }),
});

builder.queryField('instance', (t) =>
  t.field({
    type: Instance,
    description: 'This instance.',
    resolve: (_root, _args, { federation }) => federation.instance(),
  }),
);
