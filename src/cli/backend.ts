/** What commands work on: a running server, or the data folder itself where none runs. They cannot tell which. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TypedDocumentString } from '../../schema/generated/graphql.ts';
import type { Accounts } from '../access/accounts.ts';
import type { Recount } from '../catalog/recount.ts';
import { type Config, decideConfig, type Secrets } from '../config/config.ts';
import { readEnvironment } from '../config/env.ts';
import type { StoredKey } from '../config/master-key.ts';
import type { MoveProgress, MoveReport } from '../database/move/move.ts';
import { HedgerowError, systemCode } from '../lib/errors.ts';
import type { ImportedFile, ImportProgress, ImportRequest, ImportSummary } from '../library/import.ts';
import type { BlobProgress, BlobReport } from '../storage/copy-blobs.ts';

export interface Backend extends AsyncDisposable {
  /** Of the running server; null where the folder was opened. */
  readonly server: { url: string; pid: number } | null;
  /** @throws HedgerowError with the code of the first error */
  graphql<Result, Variables>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
  ): Promise<Result>;
  /** @throws HedgerowError as the library's `importFiles` */
  importFiles(request: ImportJob): Promise<ImportSummary>;
  readonly accounts: Accounts;
}

export interface ImportJob
  extends Pick<ImportRequest, 'inPlace' | 'visibility' | 'tags' | 'album' | 'ownerId'> {
  /** Absolute. */
  paths: readonly string[];
  signal: AbortSignal;
  onProgress(progress: ImportProgress): void;
  /** Of every file but those that are unchanged. */
  onFile(file: ImportedFile): void;
}

/** What needs the whole program, given by main: this room knows commands, not how the parts are put together. */
export interface Host {
  /** @throws HedgerowError; CONFLICT where another process has the folder */
  openFolder(config: Config, secrets: Secrets): Promise<Backend>;
  /**
   * Puts a master key where a start finds it, while nobody else has the folder.
   *
   * @throws HedgerowError CONFLICT where a server runs on the folder, or the database's secrets are sealed under another
   *   key; then nothing was changed
   */
  importKey(config: Config, key: Buffer): Promise<StoredKey>;
  /**
   * Moves the instance of a folder to PostgreSQL, and its blobs to another store where the two configurations differ in it.
   *
   * @throws HedgerowError with a sentence; then the instance stays where it is, and a further call goes on where this one ended
   */
  move(request: MoveRequest): Promise<InstanceMove>;
  /**
   * Takes the file of an instance that was moved back into use; answers where it was moved to, and when (RFC 3339).
   *
   * @throws HedgerowError CONFLICT where it was not moved
   */
  takeBack(config: Config): Promise<{ from: string; at: string }>;
  /** @throws HedgerowError, one sentence fit for the end of a start */
  serve(config: Config, secrets: Secrets): Promise<Served>;
}

export interface MoveRequest {
  /** As it is now. */
  config: Config;
  secrets: Secrets;
  /** As it will be: the same but for the database, and where blobs are moved for these. */
  target: { config: Config; secrets: Secrets };
  /** Blobs that are damaged stay behind, rather than that nothing is moved. */
  leaveDamaged: boolean;
  signal: AbortSignal;
  onProgress: (progress: InstanceMoveProgress) => void;
}

export type InstanceMoveProgress = MoveProgress | BlobProgress | { step: 'index' };

export interface InstanceMove extends MoveReport {
  /** Null: they stay where they are. */
  blobs: BlobReport | null;
  /** Of what is shared and of each peer's catalog, counted in the new database. */
  catalogs: readonly Recount[];
}

export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly version: string;
  /** Where the first admin is made; null where there is one. */
  readonly setupUrl: string | null;
}

/** Settings that are wrong, or a data folder that cannot be had, come as a HedgerowError of one sentence. */
export async function openBackend(host: Host, environment: NodeJS.ProcessEnv): Promise<Backend> {
  const settings = readEnvironment(environment);
  const { config, secrets } = decideConfig(settings);
  const found = await findServer(config.dataDir);
  if (found !== null) {
    const { connectServer } = await import('./server-backend.ts');
    const backend = await connectServer(found);
    if (backend !== null) return backend;
  }
  // Its log is for operators of a server; whoever types a command wants the answer, unless a level was asked for.
  const quiet =
    settings.HEDGEROW_LOG_LEVEL === undefined ? { ...config, logLevel: 'error' as const } : config;
  try {
    return await host.openFolder(quiet, secrets);
  } catch (error) {
    if (
      error instanceof HedgerowError &&
      error.code === 'CONFLICT' &&
      systemCode(error.cause)?.startsWith('SQLITE_BUSY')
    ) {
      throw new HedgerowError(
        'CONFLICT',
        `Another Hedgerow process uses the data folder ${config.dataDir} and does not answer; wait until it has started or ended, or end it.`,
        { cause: error },
      );
    }
    throw error;
  }
}

export interface ServerFile {
  url: string;
  token: string;
  pid: number;
}

/** What the server left in its data folder; null where there is none. */
async function findServer(dataDir: string): Promise<ServerFile | null> {
  let text: string;
  try {
    text = await readFile(join(dataDir, 'server.json'), 'utf8');
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new HedgerowError(
      'FORBIDDEN',
      `${join(dataDir, 'server.json')} cannot be read; run this as the user that the server runs as.`,
      { cause: error },
    );
  }
  try {
    const { url, token, pid } = JSON.parse(text) as Partial<ServerFile>;
    if (
      typeof url === 'string' &&
      typeof token === 'string' &&
      typeof pid === 'number' &&
      URL.canParse(url)
    ) {
      return { url, token, pid };
    }
  } catch {
    // Half a file, of a server that was just starting or has crashed.
  }
  return null;
}
