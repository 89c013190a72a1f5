/** `hedgerow peers`: who is paired, how they are, and what an admin does with them. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type GrantAccess,
  type MediaKind,
  type PeerFieldsFragment,
  type PeerLimitsInput,
  type PeerStatus,
  PeersDocument,
  RevokePeerDocument,
  RotatePeerCredentialDocument,
  UpdatePeerDocument,
} from '../../../schema/generated/graphql.ts';
import { HedgerowError, isCode } from '../../lib/errors.ts';
import type { Backend } from '../backend.ts';
import type { CommandContext } from '../context.ts';
import { assertDone, present, UsageError } from '../failure.ts';
import { ago, plural, printable, table } from '../terminal.ts';

/** @returns the command, to which others add what they do with a peer */
export function addPeers(program: Command, { terminal, open }: CommandContext): Command {
  const peers = program.command('peers').description('list the paired servers, or change one');
  peers
    .command('list', { isDefault: true })
    .description('list them (the default)')
    .option('--all', 'revoked ones too', false)
    .option('--json', 'print them as JSON', false)
    .action(async ({ all, json }: { all: boolean; json: boolean }) => {
      await using backend = await open();
      const rows = await listPeers(backend, all);
      if (json) terminal.out(JSON.stringify(rows));
      else if (rows.length === 0)
        terminal.err('There is no peer yet; `hedgerow invite` or `hedgerow pair` makes one.');
      else terminal.out(peerTable(rows));
      for (const { name, operations } of json ? [] : rows) {
        const error = operations?.pull?.error;
        if (error) terminal.err(`${printable(name)}: ${printable(error.message)}`);
        const held = operations?.pull?.heldRemovals ?? 0;
        if (held > 0) {
          terminal.err(
            `${printable(name)}: ${plural(held, 'item')} would be removed at once; \`hedgerow peers held\` decides.`,
          );
        }
      }
    });
  for (const [verb, paused, description] of [
    ['pause', true, 'stop pulling from a peer; what is here stays'],
    ['resume', false, 'pull from a peer again'],
  ] as const) {
    peers
      .command(verb)
      .description(description)
      .argument('<peer>', 'id or name')
      .action(async (wanted: string) => {
        await using backend = await open();
        const { id } = await findPeer(backend, wanted);
        const { updatePeer } = await backend.graphql(UpdatePeerDocument, { input: { id, paused } });
        assertDone(updatePeer.userErrors);
        const { name, status } = present(updatePeer.peer);
        terminal.out(`${printable(name)}: ${status.toLowerCase()}`);
      });
  }
  addGrant(peers, { terminal, open });
  peers
    .command('limit')
    .description('say what a peer may ask of this server; without options, show it')
    .argument('<peer>', 'id or name')
    .option('--requests <number>', 'requests a minute, or default', limitOrElse('default'))
    .option('--bytes <number>', 'bytes of files a second, or none', limitOrElse('none'))
    .option('--streams <number>', 'files at once, or default', limitOrElse('default'))
    .option('--json', 'print the limits as JSON', false)
    .action(async (wanted: string, options: LimitOptions) => {
      const limits = limitChanges(options);
      await using backend = await open();
      let peer = await findPeer(backend, wanted);
      if (Object.keys(limits).length > 0) {
        const { updatePeer } = await backend.graphql(UpdatePeerDocument, { input: { id: peer.id, limits } });
        assertDone(updatePeer.userErrors);
        peer = await findPeer(backend, peer.id);
      }
      const set = peer.operations?.serve?.limits;
      if (set === undefined) throw new HedgerowError('CONFLICT', 'This peer takes nothing from here.');
      if (options.json) terminal.out(JSON.stringify(set));
      else terminal.out(`${printable(peer.name)}: ${limitText(set)}`);
    });
  peers
    .command('rotate')
    .description('ask a peer for a new credential in place of the one that is held here')
    .argument('<peer>', 'id or name')
    .action(async (wanted: string) => {
      await using backend = await open();
      const { id } = await findPeer(backend, wanted);
      const { rotatePeerCredential } = await backend.graphql(RotatePeerCredentialDocument, { input: { id } });
      assertDone(rotatePeerCredential.userErrors);
      terminal.out(`${printable(present(rotatePeerCredential.peer).name)}: a new credential is here`);
    });
  peers
    .command('revoke')
    .description('end a pairing: its items leave this catalog, and it gets nothing any more')
    .argument('<peer>', 'id or name')
    .option('--keep-cached', 'leave its bytes on the disk, for pairing again', false)
    .action(async (wanted: string, { keepCached }: { keepCached: boolean }) => {
      await using backend = await open();
      const { id } = await findAnyPeer(backend, wanted);
      const { revokePeer } = await backend.graphql(RevokePeerDocument, { input: { id, keepCached } });
      assertDone(revokePeer.userErrors);
      const { name, status } = present(revokePeer.peer);
      terminal.out(`${printable(name)}: ${status.toLowerCase()}`);
    });
  return peers;
}

interface LimitOptions {
  requests?: { value: number | null };
  bytes?: { value: number | null };
  streams?: { value: number | null };
  json: boolean;
}

function limitChanges({ requests, bytes, streams }: LimitOptions): PeerLimitsInput {
  return {
    ...(requests !== undefined && { requestsPerMinute: requests.value }),
    ...(bytes !== undefined && { bytesPerSecond: bytes.value?.toString() ?? null }),
    ...(streams !== undefined && { concurrentStreams: streams.value }),
  };
}

/** Reads a number, or the word that takes the limit back. Wrapped, for commander makes an empty text of null. */
function limitOrElse(unset: string): (text: string) => { value: number | null } {
  return (text) => {
    if (text === unset) return { value: null };
    if (!/^\d{1,13}$/.test(text)) throw new InvalidArgumentError(`It takes a number, or ${unset}.`);
    return { value: Number(text) };
  };
}

type Limits = NonNullable<NonNullable<PeerFieldsFragment['operations']>['serve']>['limits'];

function limitText({ requestsPerMinute, bytesPerSecond, concurrentStreams }: Limits): string {
  const speed = bytesPerSecond === null ? 'any speed' : `${bytesPerSecond} bytes a second`;
  return `${requestsPerMinute} requests a minute, ${speed}, ${concurrentStreams} files at once`;
}

interface GrantOptions {
  kinds?: string[];
  tags?: string[];
  albums?: string[];
  access: string;
  until?: string;
  all?: boolean;
}

function addGrant(peers: Command, { terminal, open }: Pick<CommandContext, 'terminal' | 'open'>): void {
  peers
    .command('grant')
    .description('say what a peer may see of what is shared here; it is in force at once')
    .argument('<peer>', 'id or name')
    .addOption(new Option('--kinds <list>', 'only these, of image,video,document').argParser(kindList))
    .addOption(new Option('--tags <list>', 'only items with one of these tags').argParser(list))
    .addOption(new Option('--albums <ids>', 'only items in one of these albums').argParser(list))
    .addOption(
      new Option('--access <how>', 'how much of each item')
        .choices(['metadata', 'previews', 'originals'])
        .default('originals'),
    )
    .option('--until <time>', 'when it ends, as 2027-01-31T00:00:00Z')
    .addOption(new Option('--all', 'everything that is shared').conflicts(['kinds', 'tags', 'albums']))
    .action(async (wanted: string, options: GrantOptions, command: Command) => {
      const { kinds, tags, albums, access, until, all } = options;
      const narrowed = [kinds, tags, albums, until].some((part) => part !== undefined);
      if (!narrowed && all !== true && command.getOptionValueSource('access') === 'default') {
        throw new UsageError('Say what the peer may see, or --all.');
      }
      await using backend = await open();
      const { id } = await findPeer(backend, wanted);
      const grant = {
        kinds: (kinds as MediaKind[] | undefined) ?? null,
        tags: tags ?? null,
        albumIds: albums ?? null,
        access: access.toUpperCase() as GrantAccess,
        until: until ?? null,
      };
      const { updatePeer } = await backend.graphql(UpdatePeerDocument, { input: { id, grant } });
      assertDone(updatePeer.userErrors);
      const { name, operations } = present(updatePeer.peer);
      terminal.out(`${printable(name)}: sees ${plural(operations?.serve?.mediaCount ?? 0, 'item')}`);
    });
}

/** Nothing between the commas is nothing: an empty list opens nothing. */
function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function kindList(text: string): string[] {
  return list(text).map((part) => {
    const kind = part.toUpperCase();
    if (!['IMAGE', 'VIDEO', 'DOCUMENT'].includes(kind)) {
      throw new InvalidArgumentError('A kind is image, video or document.');
    }
    return kind;
  });
}

async function listPeers(backend: Backend, all = false): Promise<PeerFieldsFragment[]> {
  const status: PeerStatus[] = all ? ['ACTIVE', 'PAUSED', 'REVOKED'] : ['ACTIVE', 'PAUSED'];
  return (await backend.graphql(PeersDocument, { status })).peers.nodes;
}

/** @throws HedgerowError NOT_FOUND, or CONFLICT where several have the name */
export async function findPeer(
  backend: Backend,
  wanted: string,
  { all = false } = {},
): Promise<PeerFieldsFragment> {
  const rows = await listPeers(backend, all);
  const byId = rows.find(({ id }) => id === wanted);
  const byName = rows.filter(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  const found = byId ?? byName[0];
  if (found === undefined) throw new HedgerowError('NOT_FOUND', `There is no peer ${wanted}.`);
  if (byId === undefined && byName.length > 1) {
    throw new HedgerowError('CONFLICT', `${byName.length} peers are called ${wanted}; name one by its id.`);
  }
  return found;
}

/** One that is paired before one that is history, which is revoked again for what was kept of it. */
async function findAnyPeer(backend: Backend, wanted: string): Promise<PeerFieldsFragment> {
  try {
    return await findPeer(backend, wanted);
  } catch (error) {
    if (!isCode(error, 'NOT_FOUND')) throw error;
    return findPeer(backend, wanted, { all: true });
  }
}

function peerTable(rows: readonly PeerFieldsFragment[]): string {
  return table(
    ['NAME', 'STATUS', 'HEALTH', 'ITEMS', 'THERE', 'PULLED', 'OUR ITEMS', 'ID'],
    rows.map(({ name, status, health, mediaCount, lastSuccessAt, operations, id }) => {
      const pull = operations?.pull ?? null;
      const there = pull?.completeness == null ? null : `${Math.floor(pull.completeness * 100)} %`;
      return [
        name,
        status.toLowerCase(),
        pull === null ? 'serves only' : health.toLowerCase(),
        mediaCount,
        there,
        pull === null ? null : ago(lastSuccessAt),
        operations?.serve?.mediaCount ?? null,
        id,
      ];
    }),
  );
}
