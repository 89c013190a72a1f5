/** The command line: reads what was typed, runs one command, answers the exit code. */

import { Command, CommanderError } from 'commander';
import { HedgerowError } from '../lib/errors.ts';
import { VERSION } from '../version.ts';
import { type Host, openBackend } from './backend.ts';
import { addAudit } from './commands/audit.ts';
import { addCache } from './commands/cache.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExplain } from './commands/explain.ts';
import { addForeignPeers } from './commands/foreign-peers.ts';
import { addImport } from './commands/import.ts';
import { addInvite } from './commands/invite.ts';
import { addKey } from './commands/key.ts';
import { addMigrateTo } from './commands/migrate-to.ts';
import { addPair } from './commands/pair.ts';
import { addPeers } from './commands/peers.ts';
import { addServe } from './commands/serve.ts';
import { addSync } from './commands/sync.ts';
import { addToken } from './commands/token.ts';
import { addUser } from './commands/user.ts';
import type { CommandContext } from './context.ts';
import { Failed, UsageError } from './failure.ts';
import type { Terminal } from './terminal.ts';

const EXIT = { done: 0, failed: 1, usage: 2 } as const;

export interface CommandLine {
  host: Host;
  terminal: Terminal;
  environment: NodeJS.ProcessEnv;
}

/** @param words without the program's own name */
export async function runCommandLine(words: readonly string[], line: CommandLine): Promise<number> {
  const { host, terminal, environment } = line;
  const context: CommandContext = {
    terminal,
    environment,
    host,
    open: () => openBackend(host, environment),
  };
  try {
    await buildProgram(context).parseAsync([...words], { from: 'user' });
    return EXIT.done;
  } catch (error) {
    terminal.status(null);
    // commander has said what is wrong, or shown the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (error instanceof Failed) return EXIT.failed;
    terminal.err(`hedgerow: ${sentence(error)}`);
    const level = environment['HEDGEROW_LOG_LEVEL'];
    if ((level === 'debug' || level === 'trace') && error instanceof Error) terminal.err(String(error.stack));
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}

function buildProgram(context: CommandContext): Command {
  const { terminal } = context;
  const program = new Command('hedgerow')
    .description('Shares media between servers that stay separate.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
      outputError: (text, write) => write(`hedgerow: ${text.replace(/^error: /, '')}`),
    })
    .addHelpText(
      'after',
      '\nSettings come from the environment (HEDGEROW_DATA_DIR and others). While a server runs on the data\nfolder, commands work through it. Exit codes: 0 done, 1 failed, 2 wrong usage.',
    );
  addServe(program, context);
  addImport(program, context);
  addInvite(program, context);
  addPair(program, context);
  addForeignPeers(addPeers(program, context), context);
  addSync(program, context);
  addCache(program, context);
  addExplain(program, context);
  addUser(program, context);
  addToken(program, context);
  addAudit(program, context);
  addKey(program, context);
  addDoctor(program, context);
  addMigrateTo(program, context);
  return program;
}

function sentence(error: unknown): string {
  if (error instanceof HedgerowError) return error.message;
  if (error instanceof UsageError) return error.message;
  const said = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
  return `Something went wrong: ${said}`;
}
