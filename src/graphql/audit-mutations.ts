/**
 * Every mutation is written to the audit, by what stands around its resolver: one that is added later is audited
 * without anybody thinking of it. The values of an input may be secrets and are never written, but for its ids.
 */
import {
  type GraphQLFieldResolver,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import type { AuditEntry } from '../access/audit.ts';
import type { Viewer } from '../access/viewer.ts';
import { type Code, HedgerowError } from '../lib/errors.ts';
import type { GraphqlContext } from './context.ts';

/** Ids that are kept of one act; how many there were is kept besides. */
const TARGETS = 100;
/** What an id of ours looks like. Whoever pastes a code or a token where an id belongs leaves no trace of it. */
const ID = /^(?:media|peer|album|user|token|session|pair|pull|diag|audit|inst)_[A-Za-z0-9-]{1,64}$/;

/** @param schema is changed, and answered */
export function auditMutations(schema: GraphQLSchema): GraphQLSchema {
  for (const [name, field] of Object.entries(schema.getMutationType()?.getFields() ?? {})) {
    const { resolve } = field;
    if (resolve === undefined) throw new Error(`The mutation ${name} has no resolver.`);
    field.resolve = audited(name, field.args, resolve);
  }
  return schema;
}

function audited(
  name: string,
  types: readonly { name: string; type: GraphQLInputType }[],
  resolve: GraphQLFieldResolver<unknown, GraphqlContext>,
): GraphQLFieldResolver<unknown, GraphqlContext> {
  return async (root, args, context, info) => {
    const named = types.flatMap((argument) => idsOf(args[argument.name], argument.type));
    const write = (result: Pick<AuditEntry, 'outcome' | 'code'>, made: readonly string[] = []) => {
      const ids = [...new Set(named.length > 0 ? named : made)];
      return context.audit.record({
        ...actorOf(context.viewer),
        ...targetOf(ids),
        ...result,
        action: name,
        address: context.address,
        detail: detailOf(context.viewer, ids),
      });
    };
    let payload: unknown;
    try {
      payload = await resolve(root, args, context, info);
    } catch (error) {
      await write(outcomeOf(error instanceof HedgerowError ? error.code : 'INTERNAL'));
      throw error;
    }
    const code = firstUserError(payload);
    await write(code === undefined ? { outcome: 'done' } : outcomeOf(code), idsOfResult(payload));
    return payload;
  };
}

/** Who acts, as the audit names it. */
export function actorOf(viewer: Viewer | null): Pick<AuditEntry, 'actorKind' | 'actor'> {
  if (viewer === null) return { actorKind: 'ANONYMOUS' };
  return viewer.via === 'session'
    ? { actorKind: 'USER', actor: viewer.user.id }
    : { actorKind: 'TOKEN', actor: viewer.tokenId };
}

function targetOf(ids: readonly string[]): Pick<AuditEntry, 'target' | 'peerId'> {
  return {
    ...(ids.length > 0 && { target: ids.slice(0, TARGETS).join(' ') }),
    peerId: ids.find((id) => id.startsWith('peer_')),
  };
}

function detailOf(viewer: Viewer | null, ids: readonly string[]): AuditEntry['detail'] {
  const detail = {
    ...(viewer?.via === 'token' && viewer.user !== null && { user: viewer.user.id }),
    ...(ids.length > TARGETS && { targets: ids.length }),
  };
  return Object.keys(detail).length === 0 ? undefined : detail;
}

/** Where another server or we ourselves are at fault it failed; else it was refused. */
function outcomeOf(code: Code): Pick<AuditEntry, 'outcome' | 'code'> {
  return { outcome: new HedgerowError(code).status >= 500 ? 'failed' : 'refused', code };
}

/** The values of type ID, at any depth. */
function idsOf(value: unknown, type: GraphQLInputType): string[] {
  if (value === null || value === undefined) return [];
  if (isNonNullType(type)) return idsOf(value, type.ofType);
  if (isListType(type)) return Array.isArray(value) ? value.flatMap((each) => idsOf(each, type.ofType)) : [];
  if (isInputObjectType(type)) {
    return Object.values(type.getFields()).flatMap((field) =>
      idsOf((value as Record<string, unknown>)[field.name], field.type),
    );
  }
  return getNamedType(type).name === 'ID' && isOwnId(value) ? [value] : [];
}

/** What was made, where nothing was named: ids that stand in the payload, or in an object of it. */
function idsOfResult(payload: unknown): string[] {
  if (typeof payload !== 'object' || payload === null) return [];
  return Object.values(payload).flatMap((value: unknown) => {
    const found = typeof value === 'object' && value !== null && 'id' in value ? value.id : value;
    return isOwnId(found) ? [found] : [];
  });
}

function isOwnId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

function firstUserError(payload: unknown): Code | undefined {
  if (typeof payload !== 'object' || payload === null || !('userErrors' in payload)) return undefined;
  const { userErrors } = payload;
  return Array.isArray(userErrors) ? (userErrors[0] as { code: Code } | undefined)?.code : undefined;
}
