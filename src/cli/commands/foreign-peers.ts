/** `hedgerow peers add`, `credential` and `held`: servers of other make, and what is held of a peer. */

import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import {
  AddPeerDocument,
  CreatePeerCredentialDocument,
  type Dialect,
  ResolveHeldRemovalsDocument,
} from '../../../schema/generated/graphql.ts';
import { HedgerowError, systemCode } from '../../lib/errors.ts';
import type { CommandContext } from '../context.ts';
import { assertDone, present, UsageError } from '../failure.ts';
import { plural, printable, type Terminal } from '../terminal.ts';
import { findPeer } from './peers.ts';

const DIALECTS: Readonly<Record<string, Dialect>> = { artifex: 'ARTIFEX', appkask: 'APPKASK' };

interface AddOptions {
  tokenFile?: string;
  dialect?: Dialect;
  name?: string;
  json: boolean;
}

export function addForeignPeers(peers: Command, { terminal, open }: CommandContext): void {
  peers
    .command('add')
    .description('pull from a server of another make, which has no keys')
    .argument('<endpoint>', 'base URL of the server')
    .option('--token-file <file>', 'read what the server asks for from this file, or - for standard input')
    .option('--dialect <make>', 'artifex or appkask; without it, the server is asked', dialect)
    .option('--name <name>', 'what to call the peer here')
    .option('--json', 'print the peer as JSON', false)
    .action(async (endpoint: string, { tokenFile, name, json, ...options }: AddOptions) => {
      const token = tokenFile === undefined ? null : await readToken(terminal, tokenFile);
      await using backend = await open();
      const { addPeer } = await backend.graphql(AddPeerDocument, {
        input: { endpoint, token, dialect: options.dialect ?? null, name: name ?? null },
      });
      assertDone(addPeer.userErrors);
      const peer = present(addPeer.peer);
      if (json) terminal.out(JSON.stringify(peer));
      else terminal.out(`${printable(peer.name)}: ${peer.dialect.toLowerCase()}, ${peer.id}`);
    });
  peers
    .command('credential')
    .description('make a token for a server of another make that pulls from here; it is shown once')
    .argument('<name>', 'what to call the peer here')
    .requiredOption('--dialect <make>', 'whose routes it opens: artifex', dialect)
    .option('--json', 'print peer and token as JSON', false)
    .action(async (name: string, options: { dialect: Dialect; json: boolean }) => {
      await using backend = await open();
      const { createPeerCredential } = await backend.graphql(CreatePeerCredentialDocument, {
        input: { name, dialect: options.dialect },
      });
      assertDone(createPeerCredential.userErrors);
      const peer = present(createPeerCredential.peer);
      const token = present(createPeerCredential.token);
      if (options.json) terminal.out(JSON.stringify({ peer, token }));
      else {
        terminal.err(
          `${printable(peer.name)} may see all that is shared with peers; its token, shown this once:`,
        );
        terminal.out(token);
      }
    });
  peers
    .command('held')
    .description('decide about items that a peer lists no longer, where they are many')
    .argument('<peer>', 'id or name')
    .option('--remove', 'they go', false)
    .option('--keep', 'they stay, with what is here of their bytes', false)
    .action(async (wanted: string, { remove, keep }: { remove: boolean; keep: boolean }) => {
      if (remove && keep) throw new UsageError('Say --remove or --keep, not both.');
      await using backend = await open();
      const { id, name, operations } = await findPeer(backend, wanted);
      const held = operations?.pull?.heldRemovals ?? 0;
      if (!remove && !keep) {
        terminal.out(`${printable(name)}: ${plural(held, 'item')} held`);
        return;
      }
      const { resolveHeldRemovals } = await backend.graphql(ResolveHeldRemovalsDocument, {
        input: { id, decision: remove ? 'REMOVE' : 'KEEP' },
      });
      assertDone(resolveHeldRemovals.userErrors);
      terminal.out(`${printable(name)}: ${plural(held, 'item')} ${remove ? 'removed' : 'kept'}`);
    });
}

function dialect(text: string): Dialect {
  const known = DIALECTS[text.toLowerCase()];
  if (known === undefined) throw new InvalidArgumentError('A make is artifex or appkask.');
  return known;
}

/** From a file, for what stands on a command line others on the machine can read. */
async function readToken(terminal: Terminal, file: string): Promise<string> {
  if (file === '-') return (await terminal.input()).trim();
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new HedgerowError(
      'INVALID',
      `The file ${file} cannot be read (${systemCode(error) ?? 'unknown reason'}).`,
      {
        cause: error,
      },
    );
  }
}
