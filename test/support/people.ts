/** People and programs of a running instance, who ask over its socket as browsers and programs do. */

import { request } from 'undici';
import type { Role, TokenScope } from '../../src/access/viewer.ts';
import type { Instance } from './instance.ts';

export const PASSWORD = 'correct horse battery';

export interface Asked {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are asserted upon field by field
  data: any;
  errors: { message: string; extensions?: { code?: string; retryAfter?: number } }[] | undefined;
  headers: Record<string, string | string[] | undefined>;
}

export interface Asker {
  /** What identifies it. */
  readonly headers: Record<string, string>;
  ask(query: string, variables?: Record<string, unknown>, headers?: Record<string, string>): Promise<Asked>;
  send(
    method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE' | 'OPTIONS',
    path: string,
    headers?: Record<string, string>,
    body?: string | Buffer,
  ): Promise<{ status: number; headers: Asked['headers']; body: Buffer }>;
  /** What a stream of events says until it ends or the signal comes. */
  stream(path: string, body: string, until: AbortSignal): Promise<string>;
}

export interface Person extends Asker {
  readonly id: string;
  readonly name: string;
}

export function asker(instance: Pick<Instance, 'url'>, headers: Record<string, string>): Asker {
  const send: Asker['send'] = async (method, path, more = {}, body) => {
    const answer = await request(new URL(path, instance.url), {
      method,
      headers: { ...headers, ...more },
      ...(body !== undefined && { body }),
    });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: Buffer.from(await answer.body.arrayBuffer()),
    };
  };
  return {
    headers,
    send,
    stream: async (path, body, until) => {
      let text = '';
      try {
        const answer = await request(new URL(path, instance.url), {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json', accept: 'text/event-stream' },
          body,
          signal: until,
        });
        for await (const chunk of answer.body) text += String(chunk);
      } catch (error) {
        if (!until.aborted) throw error;
      }
      return text;
    },
    ask: async (query, variables = {}, more = {}) => {
      const {
        status,
        headers: fields,
        body,
      } = await send(
        'POST',
        '/graphql',
        { 'content-type': 'application/json', ...more },
        JSON.stringify({ query, variables }),
      );
      const { data, errors } = JSON.parse(body.toString()) as Pick<Asked, 'data' | 'errors'>;
      return { status, data, errors, headers: fields };
    },
  };
}

export const nobody = (instance: Pick<Instance, 'url'>): Asker => asker(instance, {});

/** An account, signed in as a browser. */
export async function signedIn(instance: Instance, name: string, role: Role): Promise<Person> {
  const { user } = await instance.app.access.users.create({ name, role, password: PASSWORD });
  return { ...(await signInAs(instance, name)), id: user.id, name };
}

export async function signInAs(instance: Instance, name: string, password = PASSWORD): Promise<Asker> {
  const answer = await nobody(instance).send(
    'POST',
    '/session',
    { 'content-type': 'application/json', 'user-agent': `Browser of ${name}` },
    JSON.stringify({ name, password }),
  );
  if (answer.status !== 200) throw new Error(`${name} could not sign in: ${answer.body}`);
  return asker(instance, { cookie: cookieOf(answer.headers['set-cookie']) });
}

export function cookieOf(setCookie: string | string[] | undefined): string {
  return [setCookie ?? []]
    .flat()
    .map((cookie) => cookie.split(';', 1)[0])
    .join('; ');
}

export async function withToken(
  instance: Instance,
  scopes: TokenScope[],
  userId?: string,
): Promise<Asker & { id: string; token: string }> {
  const { apiToken, token } = await instance.app.access.tokens.create({ name: 'program', scopes, userId });
  return { ...asker(instance, { authorization: `Bearer ${token}` }), id: apiToken.id, token };
}
