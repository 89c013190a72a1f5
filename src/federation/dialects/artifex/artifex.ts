/**
 * Artifex: galleries of generated pictures. There are two forms of its federation, and which one a server has is
 * found out by asking (docs/federation.md, "Other dialects").
 */
import { HedgerowError } from '../../../lib/errors.ts';
import type { ForeignDialect, MediaRef, PeerClient, Probe } from '../dialect.ts';
import type { ForeignHost } from '../foreign-host.ts';
import { connectDescribed, probeDescribed } from './described-form.ts';
import { connectRunning, probeRunning } from './running-form.ts';

type Form = 'running' | 'described';

export const artifex: ForeignDialect = {
  name: 'ARTIFEX',
  title: 'Artifex',
  description:
    'A server of the Artifex make, which shares pictures and the parameters that they were made with.',
  // 30 a minute, and then 429; the rest is for an admin who adds or looks after the server.
  pace: { requests: 28, window: 60_000 },
  issues: { prefix: 'hedgerow_artifex_' },
  probe: async (host, signal) => (await findForm(host, signal)).probe,
  connect,
};

async function findForm(
  host: ForeignHost,
  signal: AbortSignal,
): Promise<{ form: Form | null; probe: Probe | null }> {
  const running = await probeRunning(host, signal);
  if (running?.kind === 'found') return { form: 'running', probe: running };
  const described = await probeDescribed(host, signal);
  if (described?.kind === 'found') return { form: 'described', probe: described };
  return { form: null, probe: running ?? described };
}

/** The form is remembered until the server answers that it has it no longer: it may have been replaced. */
function connect(host: ForeignHost): PeerClient {
  const clients = { running: connectRunning(host), described: connectDescribed(host) };
  let form: Form | null = null;

  async function client(signal: AbortSignal): Promise<PeerClient> {
    if (form === null) {
      const found = await findForm(host, signal);
      if (found.probe?.kind === 'refused') throw found.probe.error;
      if (found.form === null) {
        throw new HedgerowError('PROTOCOL_UNSUPPORTED', 'No Artifex server answers there any more.');
      }
      form = found.form;
    }
    return clients[form];
  }

  return {
    relistAfter: async (signal) => (await client(signal)).relistAfter?.(signal) ?? 0,
    list: async (cursor, limit, signal) => {
      try {
        return await (await client(signal)).list(cursor, limit, signal);
      } catch (error) {
        if (error instanceof HedgerowError && error.code === 'NOT_FOUND') form = null;
        throw error;
      }
    },
    bytes: async (ref, range, signal) => (await client(signal)).bytes(ref, range, signal),
    isCurrent: async (ref: MediaRef, tag, signal) => {
      const { isCurrent } = await client(signal);
      return isCurrent === undefined ? false : isCurrent(ref, tag, signal);
    },
    segmentList: async () => {
      throw new HedgerowError('NOT_FOUND', 'This dialect has no segment lists.');
    },
  };
}
