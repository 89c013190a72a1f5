/** `hedgerow doctor <peer>`: walks the whole way to a peer, and says at which step it fails. */

import { setTimeout as wait } from 'node:timers/promises';
import {
  DiagnosePeerDocument,
  DiagnosisDocument,
  type DiagnosisFieldsFragment,
} from '../../../schema/generated/graphql.ts';
import { HedgerowError } from '../../lib/errors.ts';
import type { Backend } from '../backend.ts';
import type { CommandContext } from '../context.ts';
import { assertDone, Failed, present } from '../failure.ts';
import { table } from '../terminal.ts';
import { findPeer } from './peers.ts';

const POLL_MS = 200;

export async function diagnosePeer(
  { terminal, open }: CommandContext,
  wanted: string,
  json: boolean,
): Promise<void> {
  await using backend = await open();
  const { id } = await findPeer(backend, wanted);
  const { diagnosePeer: begun } = await backend.graphql(DiagnosePeerDocument, { input: { id } });
  assertDone(begun.userErrors);
  const leave = new AbortController();
  using _interrupt = terminal.onInterrupt(() => leave.abort());
  const diagnosis = await ended(backend, present(begun.diagnosis).id, leave.signal);
  terminal.out(
    json
      ? JSON.stringify(diagnosis)
      : table(
          ['STEP', 'RESULT', 'MS', 'DETAIL'],
          diagnosis.results.map(({ step, ok, durationMs, message }) => [
            step.toLowerCase(),
            ok === null ? '-' : ok ? 'ok' : 'failed',
            durationMs === null ? null : Math.round(durationMs),
            message,
          ]),
        ),
  );
  if (diagnosis.state !== 'SUCCEEDED') throw new Failed();
}

async function ended(backend: Backend, id: string, signal: AbortSignal): Promise<DiagnosisFieldsFragment> {
  for (;;) {
    const { node } = await backend.graphql(DiagnosisDocument, { id });
    if (node === null || !('results' in node)) throw new HedgerowError('NOT_FOUND', 'The diagnosis is gone.');
    if (node.state !== 'RUNNING' || signal.aborted) return node;
    await wait(POLL_MS, undefined, { signal }).catch(() => {});
  }
}
