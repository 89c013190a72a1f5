/** Waiting for pulls, with a line that says how far they are. */

import { setTimeout as wait } from 'node:timers/promises';
import { type PullFieldsFragment, PullsDocument } from '../../../schema/generated/graphql.ts';
import type { Backend } from '../backend.ts';
import { count, type Terminal } from '../terminal.ts';

const POLL_MS = 300;

/** Until all have ended, or the signal; answers them as they are then. */
export async function awaitPulls(
  backend: Backend,
  ids: readonly string[],
  { terminal, signal }: { terminal: Terminal; signal: AbortSignal },
): Promise<PullFieldsFragment[]> {
  for (;;) {
    const { nodes } = await backend.graphql(PullsDocument, { ids: [...ids] });
    const pulls = nodes.flatMap((node): PullFieldsFragment[] =>
      node !== null && 'state' in node ? [node] : [],
    );
    const open = pulls.filter(isOpen);
    if (open.length === 0 || signal.aborted) {
      terminal.status(null);
      return pulls;
    }
    terminal.status(open.map(pullLine).join(' · '));
    await wait(POLL_MS, undefined, { signal }).catch(() => {});
  }
}

export function isOpen({ state }: PullFieldsFragment): boolean {
  return state === 'QUEUED' || state === 'RUNNING';
}

function pullLine({ peer, state, added, changed, total }: PullFieldsFragment): string {
  if (state === 'QUEUED') return `${peer.name}: waiting`;
  const of = total === null ? '' : ` of ${count(total)}`;
  return `${peer.name}: ${count(added + changed)}${of}`;
}

export function pullResult({ state, added, changed, removed, skipped, error }: PullFieldsFragment): string {
  if (state === 'FAILED') return error?.message ?? 'It failed.';
  if (state !== 'SUCCEEDED') return 'still running';
  const parts = [`${count(added)} new`, `${count(changed)} changed`, `${count(removed)} gone`];
  if (skipped > 0) parts.push(`${count(skipped)} skipped`);
  return parts.join(', ');
}
