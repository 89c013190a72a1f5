/** A whole instance in this process: real folder, real database, real socket on 127.0.0.1. */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Logger, pino } from 'pino';
import { request } from 'undici';
import { inject } from 'vitest';
import {
  CreateInvitationDocument,
  PairWithPeerDocument,
  type TypedDocumentString,
} from '../../schema/generated/graphql.ts';
import { type AppOptions, type RunningApp, startApp } from '../../src/app.ts';
import { decideConfig } from '../../src/config/config.ts';
import type { Settings } from '../../src/config/env.ts';
import { createMediaPool } from '../../src/library/media-worker.ts';
import { eventually } from './eventually.ts';

export { eventually };

export const SAMPLES = fileURLToPath(new URL('../../samples/', import.meta.url));

export const ADMIN_TOKEN = 'test-admin-token-of-thirty-two-characters';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export interface Instance extends AsyncDisposable {
  readonly app: RunningApp;
  readonly url: string;
  readonly folder: string;
  /** As the admin, by token. @throws Error with the messages, where the answer has errors */
  query<T, V>(document: TypedDocumentString<T, V>, variables: V): Promise<T>;
  query<T = Record<string, never>>(document: string, variables?: Record<string, unknown>): Promise<T>;
  /** The same without judging the answer. */
  ask(
    document: string,
    variables?: Record<string, unknown>,
  ): Promise<{ data?: unknown; errors?: { message: string; extensions?: { code?: string } }[] }>;
  get(path: string, headers?: Record<string, string>, method?: 'GET' | 'HEAD'): Promise<Answer>;
  /** JSON, or a text as it is; as the admin unless told; `headers` with undefined leave one out. */
  send(
    method: 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    headers?: Record<string, string | undefined>,
  ): Promise<Answer>;
  /** Ends the server; its folder and its port stay. */
  stop(): Promise<void>;
  /** Begins again on the same folder and port. */
  start(): Promise<void>;
}

/** Of the real one, which is most of what a test with people would do, src/access/passwords.test.ts tells. */
const PASSWORD_COST = 4;

/** One for all instances of this process: to start a decoder takes longer than to read a small picture. */
const media = createMediaPool();

export async function startInstance(
  name: string,
  settings: Settings = {},
  overrides: AppOptions['overrides'] = {},
  log: Logger = pino({ level: process.env.TEST_LOG ?? 'silent' }),
): Promise<Instance> {
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-instance-'));
  // A migrated database with nothing in it; one that is given by its URL is left alone.
  await mkdir(join(folder, 'data'));
  await copyFile(inject('sqliteTemplate'), join(folder, 'data', 'hedgerow.db'));
  let port = '0';
  let running: RunningApp | null = null;

  const start = async (): Promise<void> => {
    const { config, secrets } = decideConfig({
      HEDGEROW_NAME: name,
      HEDGEROW_DATA_DIR: join(folder, 'data'),
      HEDGEROW_PORT: port,
      HEDGEROW_ADMIN_TOKEN: ADMIN_TOKEN,
      HEDGEROW_LOG_LEVEL: 'silent',
      ...settings,
    });
    running = await startApp({
      config,
      secrets,
      log,
      overrides: { media, passwordCost: PASSWORD_COST, ...overrides },
    });
    port = new URL(running.url).port;
  };
  const stop = async (): Promise<void> => {
    await running?.[Symbol.asyncDispose]();
    running = null;
  };
  const app = (): RunningApp => {
    if (running === null) throw new Error(`${name} is not running`);
    return running;
  };
  const ask: Instance['ask'] = async (document, variables = {}) => {
    const answer = await request(`${app().url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${ADMIN_TOKEN}` },
      body: JSON.stringify({ query: document, variables }),
    });
    return (await answer.body.json()) as Awaited<ReturnType<Instance['ask']>>;
  };

  await start();
  return {
    get app() {
      return app();
    },
    get url() {
      return app().url;
    },
    folder,
    ask,
    query: async <T>(document: { toString(): string }, variables: unknown = {}) => {
      const { data, errors } = await ask(document.toString(), variables as Record<string, unknown>);
      if (errors !== undefined) throw new Error(errors.map((error) => error.message).join('; '));
      return data as T;
    },
    get: async (path, headers = {}, method = 'GET') => {
      const answer = await request(new URL(path, app().url), {
        method,
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers },
      });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: Buffer.from(await answer.body.arrayBuffer()),
      };
    },
    send: async (method, path, body, headers = {}) => {
      const given = {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      };
      const answer = await request(new URL(path, app().url), {
        method,
        headers: Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
        body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: Buffer.from(await answer.body.arrayBuffer()),
      };
    },
    stop,
    start,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** B redeems an invitation of A; answers B's id of A. */
export async function pair(inviting: Instance, redeeming: Instance, name?: string): Promise<string> {
  const { createInvitation } = await inviting.query(CreateInvitationDocument, { input: {} });
  const { pairWithPeer } = await redeeming.query(PairWithPeerDocument, {
    input: { invitation: createInvitation.code ?? '', ...(name !== undefined && { name }) },
  });
  if (pairWithPeer.peer === null) throw new Error(JSON.stringify(pairWithPeer.userErrors));
  return pairWithPeer.peer.id;
}

/** Waits until no pull of the peer is queued or running, and the peer has the health that is asked for. */
export function settled(
  instance: Instance,
  peerId: string,
  health = 'ONLINE',
  within?: number,
): Promise<unknown> {
  const ask = async () => {
    const { node } = await instance.query<{
      node: { health: string; operations: { pulls: { nodes: { state: string }[] } } };
    }>(
      'query ($id: ID!) { node(id: $id) { ... on Peer { health operations { pulls(first: 5) { nodes { state } } } } } }',
      { id: peerId },
    );
    const ended = node.operations.pulls.nodes.every(({ state }) => /SUCCEEDED|FAILED/.test(state));
    return node.health === health && ended;
  };
  return eventually(`${health} of ${peerId}`, ask, within);
}
