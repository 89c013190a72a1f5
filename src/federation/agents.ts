/** Automated agents: those that this instance publishes to its peers, and those that peers publish. */
import { HedgerowError, isCode } from '../lib/errors.ts';
import type { FederationContext } from './context.ts';
import type { PeerClient } from './dialects/dialect.ts';
import { agentsSchema, readAgents, type WireAgent } from './wire/messages.ts';

export type Agent = WireAgent;

const SETTING = 'agents';
/** ms between two readings of a peer's agents, unless an admin asks. */
const READ_EVERY = 24 * 3600_000;
/** ms that reading them may take, beside a pull. */
const DEADLINE = 20_000;
/** Characters of JSON that a peer's agents may take here; what comes after is left out. */
const KEPT = 256 * 1024;

type Context = Pick<FederationContext, 'database' | 'now' | 'log'>;

export async function publishedAgents({ database }: Pick<Context, 'database'>): Promise<Agent[]> {
  const row = await database.prisma.setting.findUnique({ where: { key: SETTING } });
  return row === null ? [] : readAgents({ agents: JSON.parse(row.value) });
}

/**
 * Puts these agents in the place of those that were published.
 *
 * @param agents as they were given; the limits are those of the wire
 * @throws HedgerowError INVALID with the field at fault
 */
export async function publishAgents({ database }: Pick<Context, 'database'>, agents: readonly unknown[]) {
  const { data, error } = agentsSchema.safeParse({ agents });
  if (data === undefined) {
    const [issue] = error.issues;
    const field = (issue?.path ?? ['agents']).map(String);
    throw new HedgerowError('INVALID', `${sentence(field)} ${SENTENCES[field[2] ?? ''] ?? REST}`, { field });
  }
  const value = JSON.stringify(data.agents);
  const where = { key: SETTING };
  await database.prisma.setting.upsert({ where, create: { ...where, value }, update: { value } });
}

const REST = 'has to be at most 100 agents, each within the limits of the protocol.';
const SENTENCES: Readonly<Record<string, string>> = {
  name: 'has at most 200 characters.',
  description: 'has at most 10,000 characters.',
  url: 'is an http or https URL of at most 2,000 characters, without user and password.',
  version: 'has at most 200 characters.',
  skills: 'are at most 100, of at most 200 characters each.',
};

function sentence([, index, member]: readonly string[]): string {
  if (index === undefined) return 'The list';
  return `The ${member ?? 'form'} of agent ${Number(index) + 1}`;
}

/** The agents of a peer as they were last read; none of one that may not be shown any more. */
export function agentsOfPeer(peer: { agents: string; status: string; hiddenSince: Date | null }): Agent[] {
  if (peer.status === 'REVOKED' || peer.hiddenSince !== null) return [];
  return readAgents({ agents: JSON.parse(peer.agents) });
}

/** They are read anew after the next pull. @param id our id of one peer; null: all of them */
export async function readAgentsAgain(
  { database }: Pick<Context, 'database'>,
  id: string | null,
): Promise<void> {
  await database.prisma.peer.updateMany({
    where: { ...(id !== null && { id }), status: 'ACTIVE' },
    data: { agentsAt: null },
  });
}

/**
 * Reads a peer's agents, once a day, after a pull that succeeded. A peer without any, or one that does not know the
 * route, is well; so nothing that goes wrong here is a failure of the pull.
 */
export async function pullAgents(
  context: Context,
  peerKey: number,
  client: Pick<PeerClient, 'agents'>,
  signal: AbortSignal,
): Promise<void> {
  const { prisma } = context.database;
  if (client.agents === undefined) return;
  const peer = await prisma.peer.findUnique({
    where: { key: peerKey },
    select: { id: true, agentsAt: true },
  });
  const now = context.now();
  if (peer === null || (peer.agentsAt !== null && now - peer.agentsAt.getTime() < READ_EVERY)) return;
  const noted = (agents?: string) =>
    prisma.peer.updateMany({
      where: { key: peerKey, status: 'ACTIVE' },
      data: { agentsAt: new Date(now), ...(agents !== undefined && { agents }) },
    });
  try {
    const agents = await client.agents(AbortSignal.any([signal, AbortSignal.timeout(DEADLINE)]));
    await noted(fitting(agents));
  } catch (error) {
    if (signal.aborted) return;
    if (isCode(error, 'NOT_FOUND')) await noted('[]');
    // Nobody has signed it, so what is known stays; an older version answers so, and is asked again in a day.
    else if (isCode(error, 'PEER_UNREACHABLE') && error.extra['answered'] === 404) await noted();
    else if (!(error instanceof HedgerowError))
      context.log.failed({ what: "reading a peer's agents", error });
  }
}

function fitting(agents: readonly Agent[]): string {
  const kept: string[] = [];
  let length = 2;
  for (const agent of agents) {
    const text = JSON.stringify(agent);
    length += text.length + 1;
    if (length > KEPT) break;
    kept.push(text);
  }
  return `[${kept.join(',')}]`;
}
