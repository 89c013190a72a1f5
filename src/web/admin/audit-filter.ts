/** Which events of the audit are looked at: as the address says it, the query asks it, and the file takes it. */

import type { AuditActorKind, AuditFilter } from '../generated/graphql.ts';
import type { Place } from './place.ts';

/** What peers do is much, and seldom what is looked for beside what people did. */
export const PARTS = {
  people: ['USER', 'TOKEN', 'SYSTEM', 'ANONYMOUS'],
  peers: ['PEER'],
  all: ['USER', 'TOKEN', 'PEER', 'SYSTEM', 'ANONYMOUS'],
} as const satisfies Record<string, readonly AuditActorKind[]>;
export type Part = keyof typeof PARTS;

export function partOf(place: Place): Part {
  const part = place['part'] ?? '';
  return Object.hasOwn(PARTS, part) ? (part as Part) : 'people';
}

/** What the address says; what cannot be meant is left out. */
export function filterOf(place: Place): AuditFilter {
  const kinds: readonly AuditActorKind[] = PARTS[partOf(place)];
  const actions = (place['action'] ?? '').split(/[\s,]+/).filter((one) => one !== '');
  const gte = dayBegins(place['from'], 0);
  const lt = dayBegins(place['until'], 1);
  const by = kinds.filter((kind) => kind === place['by']);
  return {
    actorKinds: [...(by.length > 0 ? by : kinds)],
    ...(place['peer'] && { peerIds: [place['peer']] }),
    ...(actions.length > 0 && { actions }),
    ...((gte !== null || lt !== null) && {
      at: { ...(gte !== null && { gte }), ...(lt !== null && { lt }) },
    }),
  };
}

/** The beginning of a day by the clock of whoever looks, so many days later. */
function dayBegins(day: string | undefined, later: number): string | null {
  const [, year, month, date] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day ?? '') ?? [];
  if (date === undefined) return null;
  const begins = new Date(Number(year), Number(month) - 1, Number(date) + later);
  return Number.isNaN(begins.getTime()) ? null : begins.toISOString();
}

/** The same filter as the route of the file takes it. */
export function exportOf({ actorKinds, peerIds, actions, at }: AuditFilter): string {
  return new URLSearchParams({
    ...(actorKinds && { actorKinds: actorKinds.join(',') }),
    ...(peerIds && { peerIds: peerIds.join(',') }),
    ...(actions && { actions: actions.join(',') }),
    ...(at?.gte && { gte: at.gte }),
    ...(at?.lt && { lt: at.lt }),
  }).toString();
}
