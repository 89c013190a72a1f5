/** Commands through a running server: GraphQL over HTTP, and `/internal/…` beside it. */

import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { type TypedDocumentString, WhoDocument } from '../../schema/generated/graphql.ts';
import type { Accounts } from '../access/accounts.ts';
import { type Code, codeFromWire, HedgerowError } from '../lib/errors.ts';
import type { ImportSummary } from '../library/import.ts';
import type { ImportLine } from '../library/import-lines.ts';
import type { Backend, ImportJob, ServerFile } from './backend.ts';

/** Ms that a server on this machine has to say who we are. */
const PROBE_TIMEOUT = 5000;

/**
 * Null where the file is of a server that has ended: nothing listens there, or something that does not know the token.
 * @throws HedgerowError UNAVAILABLE where the server is there and does not answer
 */
export async function connectServer(server: ServerFile): Promise<Backend | null> {
  const base = server.url.replace(/\/+$/, '');
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' };

  const send = async (path: string, init: RequestInit): Promise<Response> => {
    try {
      return await fetch(base + path, { ...init, headers, redirect: 'error' });
    } catch (error) {
      throw new HedgerowError('UNAVAILABLE', `The server on ${base} does not answer.`, { cause: error });
    }
  };
  const graphql = async <Result, Variables>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
    signal: AbortSignal | null = null,
  ): Promise<Result> => {
    const body = JSON.stringify({ query: document.toString(), variables });
    return graphqlResult(await send('/graphql', { method: 'POST', body, signal }));
  };

  try {
    await graphql(WhoDocument, {}, AbortSignal.timeout(PROBE_TIMEOUT));
  } catch (error) {
    if (isRefused(error) || (error instanceof HedgerowError && error.code === 'UNAUTHENTICATED')) return null;
    if (!isRunning(server.pid)) return null;
    throw error;
  }

  const importFiles = async (job: ImportJob): Promise<ImportSummary> => {
    const { paths, inPlace, visibility, tags, album, ownerId, signal } = job;
    const body = JSON.stringify({ paths, inPlace, visibility, tags, album, ownerId });
    const response = await send('/internal/import', { method: 'POST', body });
    if (!response.ok || response.body === null) throw await problem(response);
    const lines = createInterface({
      input: Readable.fromWeb(response.body as ReadableStream),
      crlfDelay: Number.POSITIVE_INFINITY,
    });
    let stop: (() => void) | undefined;
    try {
      for await (const text of lines) {
        const line = JSON.parse(text) as ImportLine;
        if (line.type === 'started') {
          // The answer stays open: the summary is still to come.
          stop = () =>
            void send(`/internal/import/${line.id}`, { method: 'DELETE', body: '{}' }).catch(() => {});
          if (signal.aborted) stop();
          else signal.addEventListener('abort', stop, { once: true });
        } else if (line.type === 'progress') job.onProgress(line);
        else if (line.type === 'file') job.onFile(line);
        else if (line.type === 'summary') return line;
        else throw new HedgerowError(line.code as Code, line.message);
      }
    } catch (error) {
      if (error instanceof HedgerowError) throw error;
      throw new HedgerowError('UNAVAILABLE', 'The server ended during the import.', { cause: error });
    } finally {
      if (stop !== undefined) signal.removeEventListener('abort', stop);
      lines.close();
    }
    throw new HedgerowError(
      'UNAVAILABLE',
      'The server ended during the import; the next import goes on from there.',
    );
  };

  const account = async (operation: string, input: unknown): Promise<never> => {
    const body = JSON.stringify(input ?? {});
    const response = await send(`/internal/accounts/${operation}`, { method: 'POST', body });
    if (!response.ok) throw await problem(response);
    return ((await response.json()) as { result: never }).result;
  };
  const accounts: Accounts = {
    addUser: (input) => account('addUser', input),
    listUsers: () => account('listUsers', {}),
    disableUser: (input) => account('disableUser', input),
    enableUser: (input) => account('enableUser', input),
    resetPassword: (input) => account('resetPassword', input),
    resetSecondFactor: (input) => account('resetSecondFactor', input),
    createToken: (input) => account('createToken', input),
    listTokens: () => account('listTokens', {}),
    revokeToken: (input) => account('revokeToken', input),
  };

  return {
    server: { url: base, pid: server.pid },
    graphql: (document, variables) => graphql(document, variables),
    importFiles,
    accounts,
    [Symbol.asyncDispose]: async () => {},
  };
}

interface GraphqlAnswer {
  data?: unknown;
  errors?: { message: string; extensions?: { code?: string } }[];
}

async function graphqlResult<Result>(response: Response): Promise<Result> {
  let answer: GraphqlAnswer;
  try {
    answer = (await response.json()) as GraphqlAnswer;
  } catch (error) {
    throw new HedgerowError('UNAVAILABLE', `The server answered ${response.status} in place of data.`, {
      cause: error,
    });
  }
  const [error] = answer.errors ?? [];
  if (error !== undefined) throw new HedgerowError(codeOf(error.extensions?.code), error.message);
  if (answer.data === undefined || answer.data === null) throw problemOf(response.status, answer);
  return answer.data as Result;
}

async function problem(response: Response): Promise<HedgerowError> {
  return problemOf(response.status, await response.json().catch(() => ({})));
}

/** RFC 9457. */
function problemOf(status: number, body: unknown): HedgerowError {
  const { code, title, detail } = (body ?? {}) as Record<string, unknown>;
  const known = typeof code === 'string' ? codeFromWire(code) : undefined;
  const sentence = [detail, title].find((text) => typeof text === 'string');
  return new HedgerowError(known ?? 'UNAVAILABLE', String(sentence ?? `The server answered ${status}.`));
}

function codeOf(code: string | undefined): Code {
  return codeFromWire((code ?? 'INTERNAL').toLowerCase().replaceAll('_', '-')) ?? 'INTERNAL';
}

/** fetch tells of a connection that was refused only in the cause of its error. */
function isRefused(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if ('code' in each && each.code === 'ECONNREFUSED') return true;
  }
  return false;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
