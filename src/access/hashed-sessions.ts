/**
 * better-auth keeps a session under the very token that its cookie carries. This stands between it and the database, so
 * that the row has the token's hash: whoever reads a copy of the database has no session of anybody.
 */
import type { prismaAdapter } from 'better-auth/adapters/prisma';
import { hashSecret } from './secrets.ts';

type MakeAdapter = ReturnType<typeof prismaAdapter>;
type Adapter = ReturnType<MakeAdapter>;
type Where = NonNullable<Parameters<Adapter['count']>[0]['where']>;

const SESSION = 'session';

/** Every way to a row of a session goes through the hash. */
export function hashingSessions(make: MakeAdapter): MakeAdapter {
  return (options) => {
    const adapter = make(options);
    const hashed = hashing(adapter);
    return {
      ...adapter,
      ...hashed,
      transaction: (work) => adapter.transaction((inner) => work({ ...inner, ...hashing(inner) })),
    };
  };
}

type Wrapped = Pick<
  Adapter,
  | 'create'
  | 'findOne'
  | 'findMany'
  | 'count'
  | 'update'
  | 'updateMany'
  | 'delete'
  | 'deleteMany'
  | 'consumeOne'
>;

function hashing(adapter: Omit<Adapter, 'transaction'>): Wrapped {
  /** The request with hashes in it. */
  const ask = <T extends { model: string; where?: Where | undefined }>(request: T): T =>
    request.model === SESSION && request.where !== undefined
      ? { ...request, where: request.where.map(hashedCondition) }
      : request;
  /** The row with the token that it was asked for by. */
  const answer = <T>(request: { model: string; where?: Where | undefined }, row: T): T => {
    if (request.model !== SESSION || !hasToken(row)) return row;
    const token = request.where?.find(({ field }) => field === 'token')?.value;
    return typeof token === 'string' && hashSecret(token) === row.token ? { ...row, token } : row;
  };
  return {
    create: async (request) => {
      if (request.model !== SESSION || !hasToken(request.data)) return adapter.create(request);
      const { token } = request.data;
      const row = await adapter.create({ ...request, data: { ...request.data, token: hashSecret(token) } });
      // biome-ignore lint/suspicious/noExplicitAny: the library's own type leaves the shape of a row to its caller
      return { ...row, token } as any;
    },
    findOne: async (request) => answer(request, await adapter.findOne(ask(request))),
    findMany: async (request) => {
      // biome-ignore lint/suspicious/noExplicitAny: as above
      const rows = await adapter.findMany<any>(ask(request));
      return rows.map((row) => answer(request, row));
    },
    count: (request) => adapter.count(ask(request)),
    update: async (request) => answer(request, await adapter.update(ask(request))),
    updateMany: (request) => adapter.updateMany(ask(request)),
    delete: (request) => adapter.delete(ask(request)),
    deleteMany: (request) => adapter.deleteMany(ask(request)),
    consumeOne: async (request) => answer(request, await adapter.consumeOne(ask(request))),
  };
}

function hashedCondition(condition: Where[number]): Where[number] {
  const { field, value } = condition;
  if (field !== 'token') return condition;
  if (typeof value === 'string') return { ...condition, value: hashSecret(value) };
  return Array.isArray(value)
    ? { ...condition, value: value.map((each) => hashSecret(String(each))) }
    : condition;
}

function hasToken(row: unknown): row is { token: string } {
  return typeof row === 'object' && row !== null && 'token' in row && typeof row.token === 'string';
}
