/** Every text of the admin pages, a group for each section, in one place for whoever translates it. */

import type { ErrorCode } from '../generated/graphql.ts';
import { shared } from '../parts/texts.ts';
import { count } from '../scripts/words.ts';

/** What to do about it, where the sentence of the server does not say that already. */
const ADVICE: Partial<Record<ErrorCode | 'UNREACHABLE', string>> = {
  CLOCK_SKEW: 'Have both servers take their time from the network (NTP), then try again.',
  CREDENTIAL_REFUSED:
    'It no longer knows this server. Ask its admin for a new invitation and pair again; what is here stays.',
  FORBIDDEN: 'Only an admin may do it. Sign in as one.',
  GRANT_ENDED: 'Ask its admin to extend what is shared, or for a new invitation.',
  INTEGRITY_FAILED:
    'It sends other bytes than it announced. Tell its admin; what is damaged is fetched again by itself.',
  INTERNAL: 'Try again. Where it stays, look into the log of this server.',
  PEER_ADDRESS_FORBIDDEN: 'Name an address that this server may dial, under “Change” of the peer.',
  PEER_IDENTITY:
    'Compare the thumbprint with its admin, over another way than this. If its key was changed on purpose, pair again.',
  PEER_INVALID_ANSWER: 'Bring both servers up to date. Where it stays, tell its admin what stands here.',
  PEER_RATE_LIMITED: 'Nothing needs to be done; it is asked again later.',
  PEER_TIMEOUT: 'It may be busy, or the way to it slow. It is tried again by itself.',
  PEER_TLS: 'Its certificate has to be renewed or mended by its admin.',
  PEER_UNREACHABLE:
    'Ask its admin whether the server runs and is reachable from here. It is tried again by itself.',
  PROTOCOL_UNSUPPORTED: 'Bring both servers up to date.',
  REVOKED: 'Its admin has ended the pairing. Ask for a new invitation, or revoke it here too.',
  SIGNATURE_INVALID: 'Something on the way changes requests: look at the proxies before both servers.',
};

export const texts = {
  ...shared,
  skip: 'Skip to the content',
  admin: 'Administration',
  gallery: 'Gallery',
  toGallery: (instance: string) => `${instance}, gallery`,
  sections: 'Sections',
  graphiqlHint: 'Queries with examples',
  loading: 'Loading …',
  more: 'Show more',
  cancel: 'Cancel',
  save: 'Save',
  copy: 'Copy',
  copied: 'Copied.',
  copyByHand: 'It is marked: copy it with Ctrl C, or ⌘ C.',
  never: 'never',
  advice: (code: string): string => ADVICE[code as keyof typeof ADVICE] ?? '',
  items: (number: number) => count(number, 'item'),

  peers: {
    name: 'Peers',
    none: 'No other server is paired with this one.',
    allWell: (number: number) => (number === 1 ? 'Your peer is well.' : `All ${number} peers are well.`),
    needYou: (number: number) => (number === 1 ? '1 peer needs you.' : `${number} peers need you.`),
  },
} as const;
