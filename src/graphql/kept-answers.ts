/**
 * Answers that are kept: by document, operation, variables and what the viewer may see, for as long as the counters
 * that the selection hangs on stand as they stood before it was executed. Nobody says that an answer is out of date;
 * it is asked for with the counters of now. So revocation, hiding, a grant or the health of a peer need no call here.
 *
 * Documents are parsed and validated once: by the server behind this, which tells of each that has passed.
 */

import { createHash } from 'node:crypto';
import { type DocumentNode, execute, type GraphQLSchema, Kind, type OperationDefinitionNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { CatalogCounters, Counters } from '../database/counters.ts';
import { type CompiledQuery, compileQuery, NotPlanned } from './compiled.ts';
import type { GraphqlContext } from './context.ts';
import { type Dependencies, dependenciesOf, keepsWith } from './dependencies.ts';

/** Bytes of answers with their names. */
const BYTES = 32 * 1024 * 1024;
/** Bytes of one; larger ones are not kept. */
const BYTES_OF_ONE = 2 * 1024 * 1024;
/** Characters of documents, and how many there may be. */
const DOCUMENT_CHARS = 4 * 1024 * 1024;
const DOCUMENTS = 2_000;
/** ms for which an answer is good that the passing of time may change. */
const TIME_KEPT = 1_000;

export interface GraphqlRequest {
  query: string;
  operationName: string | undefined;
  variables: Readonly<Record<string, unknown>>;
}

export interface KeptAnswer {
  body: Buffer;
  /** `kept` was asked before; `fresh` was executed for this request. */
  from: 'kept' | 'fresh';
}

export interface KeptAnswers {
  /** A document that has passed validation for somebody who is known. */
  learn(text: string, document: DocumentNode): void;
  /**
   * The answer to a query that was seen before, from what is kept or by executing it. Null: the request is for the
   * server behind this; the document is new, no query, or there are errors to be told.
   */
  answer(
    request: GraphqlRequest,
    context: () => GraphqlContext,
    /** The counters as they stood a moment ago, after the request came; they are asked for unless told. */
    at?: Counters,
  ): Promise<KeptAnswer | null>;
  /** What is kept for whoever sees this (`seenBy`), as the counters stand; else null. */
  known(request: GraphqlRequest, seen: string, at: Counters): KeptAnswer | null;
  /** Whether `answer` knows the document, and the operation in it. */
  knows(request: GraphqlRequest): boolean;
  /** Bytes that are held. */
  readonly bytes: number;
}

export interface KeptAnswersOptions {
  schema: GraphQLSchema;
  counters: CatalogCounters;
  /** The counters where they cannot be read and are known all the same; else null. */
  standing?: () => Counters | null;
  /** Ms since 1970. */
  now?: () => number;
  bytes?: number;
}

interface KnownDocument {
  /** Short name of the text, in keys. */
  number: number;
  document: DocumentNode;
  operations: ReadonlyMap<string | undefined, KnownOperation>;
}

interface KnownOperation {
  node: OperationDefinitionNode;
  dependencies: Dependencies | null;
  /** Null: graphql-js executes it. */
  plan: CompiledQuery | null;
  /** Variables that say how much is asked for. */
  sizes: readonly string[];
  /** Values of these with which it was found light enough: it has been executed. */
  weighed: Set<string>;
}

/** Sizes of one operation that are remembered. */
const WEIGHED = 100;

interface Entry {
  counters: string;
  at: number;
  body: Buffer;
}

export function createKeptAnswers(options: KeptAnswersOptions): KeptAnswers {
  const { schema, counters: source, now = Date.now, bytes = BYTES } = options;
  const { standing = () => null } = options;
  /** Where the database is gone, nobody moves the counters, and an answer that is kept is still right. */
  const countersNow = async (): Promise<Counters> => {
    try {
      return source.now() ?? (await source.read());
    } catch (error) {
      const counters = standing();
      if (counters === null) throw error;
      return counters;
    }
  };
  let documentNumber = 0;
  const documents = new LRUCache<string, KnownDocument>({
    max: DOCUMENTS,
    maxSize: DOCUMENT_CHARS,
    sizeCalculation: (_known, text) => text.length + 1,
  });
  const answers = new LRUCache<string, Entry>({
    maxSize: bytes,
    maxEntrySize: Math.min(bytes, BYTES_OF_ONE),
    sizeCalculation: ({ body }, key) => body.length + 2 * key.length + 200,
  });

  /** What the answer of an operation with these variables hangs on; null where it is not kept. */
  const hangsOn = (
    operation: KnownOperation,
    variables: GraphqlRequest['variables'],
  ): Dependencies | null => {
    const { dependencies, node } = operation;
    return dependencies !== null && keepsWith(dependencies, node, variables) ? dependencies : null;
  };

  const find = (
    key: string,
    { peers, time }: Dependencies,
    { epoch, revision, peersRevision }: Counters,
  ): { kept: KeptAnswer | null; counters: string; at: number } => {
    const counters = `${epoch} ${revision}${peers ? ` ${peersRevision}` : ''}`;
    const at = now();
    const entry = answers.get(key);
    const isRight = entry?.counters === counters && (!time || Math.abs(at - entry.at) < TIME_KEPT);
    return { kept: isRight ? { body: entry.body, from: 'kept' } : null, counters, at };
  };

  const learn = (text: string, document: DocumentNode): void => {
    if (documents.has(text)) return;
    const operations = operationsOf(schema, document);
    if (operations.size === 0) return;
    documentNumber += 1;
    documents.set(text, { number: documentNumber, document, operations });
  };

  return {
    learn,
    knows: ({ query, operationName }) => documents.get(query)?.operations.has(operationName) === true,
    known: (request, seen, at) => {
      const known = documents.get(request.query);
      const operation = known?.operations.get(request.operationName);
      if (known === undefined || operation === undefined) return null;
      const dependencies = hangsOn(operation, request.variables);
      return dependencies === null ? null : find(keyOf(known, request, seen), dependencies, at).kept;
    },
    answer: async (request, createContext, told) => {
      const { query, operationName, variables } = request;
      const known = documents.get(query);
      const operation = known?.operations.get(operationName);
      if (known === undefined || operation === undefined) return null;
      const dependencies = hangsOn(operation, variables);
      if (dependencies === null) {
        const body = await executed(schema, known.document, operation, variables, createContext());
        return body === null ? null : { body, from: 'fresh' };
      }

      const context = createContext();
      const key = keyOf(known, request, seenBy(context));
      // Before anything is read for the answer: it is at least as new as these say.
      const standingAt = told ?? (await countersNow());
      context.peersAt = `${standingAt.epoch} ${standingAt.peersRevision}`;
      context.catalogAt = `${standingAt.epoch} ${standingAt.revision}`;
      const { kept, counters, at } = find(key, dependencies, standingAt);
      if (kept !== null) return kept;
      const body = await executed(schema, known.document, operation, variables, context);
      if (body === null) return null;
      answers.set(key, { counters, at, body });
      return { body, from: 'fresh' };
    },
    get bytes() {
      return answers.calculatedSize;
    },
  };
}

/** A strong validator of these very bytes, for `ETag`; made for whoever is told it alone. */
export function etagOf(body: Uint8Array | string): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
}

/** By name; also without a name, where there is but one. */
function operationsOf(
  schema: GraphQLSchema,
  document: DocumentNode,
): Map<string | undefined, KnownOperation> {
  const operations = new Map<string | undefined, KnownOperation>();
  const nodes = document.definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
  for (const node of nodes) {
    if (node.operation !== 'query') continue;
    const known = {
      node,
      dependencies: dependenciesOf(schema, document, node),
      plan: planOf(schema, document, node),
      sizes: sizesOf(node),
      weighed: new Set<string>(),
    };
    if (node.name !== undefined) operations.set(node.name.value, known);
    if (nodes.length === 1) operations.set(undefined, known);
  }
  return operations;
}

const variableTexts = new WeakMap<GraphqlRequest['variables'], string>();

function keyOf(
  { number }: KnownDocument,
  { operationName, variables }: GraphqlRequest,
  seen: string,
): string {
  // A request that is read once and asked often has the same object each time.
  let text = variableTexts.get(variables);
  if (text === undefined) {
    text = JSON.stringify(variables);
    variableTexts.set(variables, text);
  }
  return `${number} ${operationName ?? ''}\n${seen}\n${text}`;
}

/** What decides on what a viewer is shown, and nothing that differs between two who are shown the same. */
export function seenBy({ reader, may }: Pick<GraphqlContext, 'reader' | 'may'>): string {
  const user = reader.kind === 'ANONYMOUS' ? '' : (reader.userId ?? '');
  return `${reader.kind} ${user} ${may.read} ${may.write} ${may.administer} ${may.admin}`;
}

function planOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  node: OperationDefinitionNode,
): CompiledQuery | null {
  try {
    return compileQuery(schema, document, node);
  } catch (error) {
    if (error instanceof NotPlanned) return null;
    throw error;
  }
}

/** A field weighs what numbers and the lengths of lists among its arguments say; a test holds every field of the schema to that. */
function sizesOf({ variableDefinitions = [] }: OperationDefinitionNode): string[] {
  return variableDefinitions.flatMap(({ type, variable }) => {
    const present = type.kind === Kind.NON_NULL_TYPE ? type.type : type;
    const isSize = present.kind === Kind.LIST_TYPE || present.name.value === 'Int';
    return isSize ? [variable.name.value] : [];
  });
}

function sizeText(value: unknown): string {
  return Array.isArray(value)
    ? `[${value.length}]`
    : typeof value === 'number'
      ? String(value)
      : typeof value;
}

/** Null where there are errors: they are told by whoever executes it then. */
async function executed(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: KnownOperation,
  variables: Readonly<Record<string, unknown>>,
  context: GraphqlContext,
): Promise<Buffer | null> {
  const { sizes, weighed } = operation;
  const asked = sizes.map((name) => sizeText(variables[name])).join();
  context.weighed = weighed.has(asked);
  const body = await run(schema, document, operation, variables, context);
  if (body !== null && weighed.size < WEIGHED) weighed.add(asked);
  return body;
}

async function run(
  schema: GraphQLSchema,
  document: DocumentNode,
  { node, plan }: KnownOperation,
  variableValues: Readonly<Record<string, unknown>>,
  contextValue: GraphqlContext,
): Promise<Buffer | null> {
  if (plan !== null) {
    try {
      return Buffer.from(await plan(variableValues, contextValue));
    } catch {
      return null;
    }
  }
  const result = await execute({
    schema,
    document,
    contextValue,
    variableValues,
    ...(node.name !== undefined && { operationName: node.name.value }),
  });
  return 'errors' in result && result.errors !== undefined ? null : Buffer.from(JSON.stringify(result));
}
