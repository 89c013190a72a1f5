/** What a peer may ask of us. */

import type { Peer as PeerRow } from '../database/generated/sqlite/client.ts';
import { limitsOf } from '../federation/serve/limits.ts';
import { builder } from './builder.ts';

export const PeerLimits = builder.objectRef<PeerRow>('PeerLimits').implement({
  description: "What a peer may ask of this instance, apart from the limits of this instance's own people.",
  fields: (t) => ({
    requestsPerMinute: t.int({
      description: 'Requests a minute; a sixth of them may come at once.',
      resolve: (peer) => limitsOf(peer).requestsPerMinute,
    }),
    bytesPerSecond: t.expose('bytesPerSecond', {
      type: 'BigInt',
      nullable: true,
      description: 'Bytes of files a second, over all its streams; null: no limit.',
    }),
    concurrentStreams: t.int({
      description: 'Files that are sent to it at once.',
      resolve: (peer) => limitsOf(peer).concurrentStreams,
    }),
  }),
});

export const PeerLimitsInput = builder.inputType('PeerLimitsInput', {
  description: 'Limits of a peer; what is left out stays, null is the default again.',
  fields: (t) => ({
    requestsPerMinute: t.int({ description: 'Requests a minute: 1 to 1,000,000.' }),
    bytesPerSecond: t.field({
      type: 'BigInt',
      description: 'Bytes of files a second: 1,024 or more; null: no limit.',
    }),
    concurrentStreams: t.int({ description: 'Files that are sent at once: 1 to 10,000.' }),
  }),
});
