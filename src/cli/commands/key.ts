/** `hedgerow key`: this instance's own key, and the master key, carried to another machine under a passphrase. */

import { open as openFile, readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { InstanceDocument, RotateInstanceKeyDocument } from '../../../schema/generated/graphql.ts';
import { decideConfig } from '../../config/config.ts';
import { readEnvironment } from '../../config/env.ts';
import { loadMasterKey } from '../../config/master-key.ts';
import { unwrapKey, WRAPPED_MAX, wrapKey } from '../../config/wrapped-key.ts';
import { HedgerowError, systemCode } from '../../lib/errors.ts';
import type { CommandContext } from '../context.ts';
import { assertDone, present, UsageError } from '../failure.ts';
import type { Terminal } from '../terminal.ts';

interface PassphraseOptions {
  passphraseFile?: string;
}

const PASSPHRASE = ['--passphrase-file <file>', 'read the passphrase from this file'] as const;

export function addKey(program: Command, context: CommandContext): void {
  const { terminal, environment, host, open } = context;
  const key = program.command('key').description('the keys of this instance');
  key
    .command('export')
    .description('wrap the master key with a passphrase, to be kept apart from the data')
    .argument('[file]', 'where to write it; must not be there yet. Without it, standard output')
    .option(...PASSPHRASE)
    .action(async (file: string | undefined, options: PassphraseOptions) => {
      const settings = readEnvironment(environment);
      const { config, secrets } = decideConfig(settings);
      const masterKey = await loadMasterKey(config.dataDir, secrets.masterKey, { make: false });
      const passphrase = await readPassphrase(terminal, options, settings.HEDGEROW_KEY_PASSPHRASE, 'twice');
      const wrapped = await wrapKey(masterKey, passphrase);
      if (file === undefined) return terminal.out(wrapped.trimEnd());
      await writeNew(file, wrapped);
      terminal.err(
        `The master key is in ${file}; whoever has it, the passphrase and the data is this instance.`,
      );
    });
  key
    .command('import')
    .description('put a master key back that was exported')
    .argument('<file>', 'that `key export` made')
    .option(...PASSPHRASE)
    .action(async (file: string, options: PassphraseOptions) => {
      const settings = readEnvironment(environment);
      const { config, secrets } = decideConfig(settings);
      const wrapped = await readSmall(file);
      const passphrase = await readPassphrase(terminal, options, settings.HEDGEROW_KEY_PASSPHRASE, 'once');
      const masterKey = await unwrapKey(wrapped, passphrase);
      if (secrets.masterKey !== null) {
        throw new HedgerowError(
          'CONFLICT',
          'HEDGEROW_MASTER_KEY is set, and a start looks at nothing else; take the setting away, or put the key there.',
        );
      }
      const { path, outcome, setAside } = await host.importKey(config, masterKey);
      if (setAside !== null) terminal.err(`Another key stood there; it is in ${setAside} now.`);
      terminal.out(outcome === 'unchanged' ? `${path} holds this key already.` : `${path}: imported`);
    });
  key
    .command('rotate')
    .description('make a new key: the former one is erased, peers follow, open invitations are cancelled')
    .option('--confirm', 'needed, for there is no way back', false)
    .option('--json', 'print both thumbprints as JSON', false)
    .action(async ({ confirm, json }: { confirm: boolean; json: boolean }) => {
      if (!confirm) {
        throw new UsageError(
          'A new key erases the former one and cancels open invitations; add --confirm to make it.',
        );
      }
      await using backend = await open();
      const { instance } = await backend.graphql(InstanceDocument, {});
      const { rotateInstanceKey } = await backend.graphql(RotateInstanceKeyDocument, { input: { confirm } });
      assertDone(rotateInstanceKey.userErrors);
      const { thumbprint } = present(rotateInstanceKey.instance);
      terminal.out(
        json
          ? JSON.stringify({ thumbprint, former: instance.thumbprint })
          : `The key is ${thumbprint} now, and was ${instance.thumbprint}.`,
      );
    });
}

async function readPassphrase(
  terminal: Terminal,
  { passphraseFile }: PassphraseOptions,
  setting: string | undefined,
  ask: 'once' | 'twice',
): Promise<string> {
  if (passphraseFile !== undefined) return (await readSmall(passphraseFile)).replace(/\r?\n$/, '');
  if (setting !== undefined) return setting;
  const typed = await terminal.secret('Passphrase: ').catch(() => null);
  if (typed === null) {
    throw new HedgerowError(
      'INVALID',
      'There is no passphrase: give --passphrase-file, or set HEDGEROW_KEY_PASSPHRASE or HEDGEROW_KEY_PASSPHRASE_FILE.',
    );
  }
  if (ask === 'twice' && (await terminal.secret('Once more: ').catch(() => null)) !== typed) {
    throw new HedgerowError('INVALID', 'The two passphrases are not the same.');
  }
  return typed;
}

async function readSmall(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new HedgerowError(
      'INVALID',
      `The file ${path} cannot be read (${systemCode(error) ?? 'unknown reason'}).`,
      {
        cause: error,
      },
    );
  }
  if (bytes.length > WRAPPED_MAX) throw new HedgerowError('INVALID', `The file ${path} is too large.`);
  return bytes.toString('utf8');
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await using file = await openFile(path, 'wx', 0o600);
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    const code = systemCode(error);
    const why = code === 'EEXIST' ? 'is there already' : `cannot be written (${code ?? 'unknown reason'})`;
    throw new HedgerowError('INVALID', `The file ${path} ${why}.`, { cause: error });
  }
}
