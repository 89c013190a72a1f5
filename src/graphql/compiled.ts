/**
 * Executes a query by a plan that is made once for the document, and writes JSON as it goes: which fields an object has,
 * how each is resolved and written, and which of their arguments never change, is found out beforehand, and no object
 * of the result is built. Resolvers are the schema's own, so every rule that stands in them holds here too.
 *
 * It knows the way on which nothing goes wrong. Whatever else happens (an error, a null where there must be none, what
 * a plan cannot hold) is told by throwing, and graphql-js executes the query as ever.
 *
 * Source: GraphQL, October 2021, section 6, "Execution".
 */

import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  getVariableValues,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** @throws NotPlanned, or what a resolver throws */
export type CompiledQuery = (
  variables: Readonly<Record<string, unknown>>,
  context: unknown,
) => string | Promise<string>;

/** The query is for graphql-js. */
export class NotPlanned extends Error {}

type Text = string | Promise<string>;
type Writer = (value: unknown, run: Run) => Text;
type Info = Omit<GraphQLResolveInfo, 'path'> & { path: GraphQLResolveInfo['path'] };
type VariableValues = GraphQLResolveInfo['variableValues'];

/** One execution. */
interface Run {
  variables: VariableValues;
  context: unknown;
  /** Arguments that hang on variables, by the number of the field; the same for every object. */
  args: unknown[];
  infos: Info[];
}

interface FieldPlan {
  number: number;
  /** `"name":`, after a comma unless it is the first. */
  prefix: string;
  resolve: GraphQLField<unknown, unknown>['resolve'];
  name: string;
  /** Undefined: they hang on variables. */
  args: Record<string, unknown> | undefined;
  definition: GraphQLField<unknown, unknown>;
  nodes: readonly FieldNode[];
  parent: GraphQLObjectType;
  write: Writer;
}

/** @throws NotPlanned where the query is not one that a plan can hold */
export function compileQuery(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): CompiledQuery {
  const root = schema.getQueryType();
  if (root == null || operation.operation !== 'query') throw new NotPlanned('This is no query.');
  const fragments: Record<string, FragmentDefinitionNode> = Object.create(null);
  for (const node of document.definitions) {
    if (node.kind === Kind.FRAGMENT_DEFINITION) fragments[node.name.value] = node;
  }
  let fieldCount = 0;

  const write = planObject(root, [operation.selectionSet]);
  const definitions = operation.variableDefinitions ?? [];

  return (inputs, context) => {
    const { variableValues } = getVariableValues(schema, definitions, inputs);
    if (variableValues === undefined) throw new NotPlanned('The variables are not as they must be.');
    const run: Run = { variables: variableValues, context, args: [], infos: [] };
    const data = write({}, run);
    return typeof data === 'string' ? envelope(data) : data.then(envelope);
  };

  function planObject(type: GraphQLObjectType, selections: readonly SelectionSetNode[]): Writer {
    const grouped = new Map<string, FieldNode[]>();
    for (const each of selections) collect(type, each, grouped, new Set());
    const fields = [...grouped].map(([key, nodes], at) => planField(type, key, nodes, at === 0));
    // A type that proves its objects does so asynchronously at times; that is graphql-js' own matter.
    const { isTypeOf } = type;
    return (value, run) => {
      if (isTypeOf && isTypeOf(value, run.context, undefined as never) !== true) {
        throw new NotPlanned(`It is not known whether this is a ${type.name}.`);
      }
      return writeFields(fields, value, run);
    };
  }

  function collect(
    type: GraphQLObjectType,
    { selections }: SelectionSetNode,
    grouped: Map<string, FieldNode[]>,
    seen: Set<string>,
  ): void {
    for (const node of selections) {
      // @skip and @include would make another plan of every combination of their variables.
      if (node.directives !== undefined && node.directives.length > 0)
        throw new NotPlanned('It has directives.');
      if (node.kind === Kind.FIELD) {
        const key = node.alias?.value ?? node.name.value;
        const group = grouped.get(key);
        if (group === undefined) grouped.set(key, [node]);
        else group.push(node);
        continue;
      }
      let fragment: {
        typeCondition?: FragmentDefinitionNode['typeCondition'] | undefined;
        selectionSet: SelectionSetNode;
      } = node as never;
      if (node.kind === Kind.FRAGMENT_SPREAD) {
        if (seen.has(node.name.value)) continue;
        seen.add(node.name.value);
        const named = fragments[node.name.value];
        if (named === undefined || (named.directives?.length ?? 0) > 0)
          throw new NotPlanned('A fragment is missing.');
        fragment = named;
      }
      if (applies(fragment.typeCondition?.name.value, type))
        collect(type, fragment.selectionSet, grouped, seen);
    }
  }

  function applies(condition: string | undefined, type: GraphQLObjectType): boolean {
    if (condition === undefined || condition === type.name) return true;
    const named = schema.getType(condition);
    return isAbstractType(named) && schema.isSubType(named, type);
  }

  function planField(
    parent: GraphQLObjectType,
    key: string,
    nodes: readonly FieldNode[],
    isFirst: boolean,
  ): FieldPlan {
    const [node] = nodes;
    const name = node?.name.value ?? '';
    const prefix = `${isFirst ? '' : ','}${JSON.stringify(key)}:`;
    const number = fieldCount;
    fieldCount += 1;
    const definition = schema.getField(parent, name);
    if (node === undefined || definition === undefined || name === '__schema' || name === '__type') {
      throw new NotPlanned(`${parent.name}.${name} is not planned.`);
    }
    const hasVariables = (node.arguments ?? []).some(({ value }) => mentionsVariable(value));
    const selections = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    return {
      number,
      prefix,
      name,
      definition,
      nodes,
      parent,
      resolve: definition.resolve,
      args: hasVariables ? undefined : getArgumentValues(definition, node),
      write:
        name === '__typename' ? () => JSON.stringify(parent.name) : planValue(definition.type, selections),
    };
  }

  function planValue(type: GraphQLOutputType, selections: readonly SelectionSetNode[]): Writer {
    if (isNonNullType(type)) {
      const write = planValue(type.ofType, selections);
      return (value, run) => {
        if (value === null || value === undefined) throw new NotPlanned('A value is missing.');
        return write(value, run);
      };
    }
    const write = planPresent(type, selections);
    return (value, run) => (value === null || value === undefined ? 'null' : write(value, run));
  }

  function planPresent(type: GraphQLOutputType, selections: readonly SelectionSetNode[]): Writer {
    if (isLeafType(type)) return leafWriter(type);
    if (isListType(type)) {
      const write = planValue(type.ofType, selections);
      return (value, run) => writeList(write, value, run);
    }
    if (isObjectType(type)) return planObject(type, selections);
    if (!isAbstractType(type)) throw new NotPlanned('The type is of no known kind.');
    const plans = new Map<string, Writer>();
    const { resolveType } = type;
    return (value, run) => {
      const name = resolveType?.(value, run.context, { schema } as never, type);
      if (typeof name !== 'string') throw new NotPlanned(`The type of a ${type.name} is not known at once.`);
      let write = plans.get(name);
      if (write === undefined) {
        const found = schema.getType(name);
        if (!isObjectType(found) || !schema.isSubType(type, found))
          throw new NotPlanned(`${name} is no such type.`);
        write = planObject(found, selections);
        plans.set(name, write);
      }
      return write(value, run);
    };
  }

  function writeFields(fields: readonly FieldPlan[], value: unknown, run: Run): Text {
    let text = '{';
    let parts: Text[] | null = null;
    for (const field of fields) {
      text += field.prefix;
      const written = orForget(parts, () => writeField(field, value, run));
      if (typeof written === 'string') {
        text += written;
        continue;
      }
      parts ??= [];
      parts.push(text, written);
      text = '';
    }
    if (parts === null) return `${text}}`;
    parts.push(`${text}}`);
    return joined(parts);
  }

  function writeField(field: FieldPlan, source: unknown, run: Run): Text {
    const { resolve, write } = field;
    let value: unknown;
    if (resolve === undefined) {
      value = (source as Record<string, unknown>)[field.name];
      if (typeof value === 'function') throw new NotPlanned('A property is a function.');
    } else {
      value = resolve(source, argumentsOf(field, run), run.context, infoOf(field, run) as GraphQLResolveInfo);
    }
    if (isPromise(value)) return value.then((resolved) => write(resolved, run));
    return write(value, run);
  }

  function argumentsOf(field: FieldPlan, run: Run): Record<string, unknown> {
    if (field.args !== undefined) return field.args;
    const known = run.args[field.number];
    if (known !== undefined) return known as Record<string, unknown>;
    const [node] = field.nodes;
    const args = getArgumentValues(field.definition, node as FieldNode, run.variables);
    run.args[field.number] = args;
    return args;
  }

  /** One for a field and a run: its path has no places in lists. */
  function infoOf(field: FieldPlan, run: Run): Info {
    const known = run.infos[field.number];
    if (known !== undefined) return known;
    const [node] = field.nodes;
    const info = {
      fieldName: field.name,
      fieldNodes: field.nodes,
      returnType: field.definition.type,
      parentType: field.parent,
      path: { prev: undefined, key: node?.alias?.value ?? field.name, typename: field.parent.name },
      schema,
      fragments,
      rootValue: undefined,
      operation,
      variableValues: run.variables,
      getAbortSignal: () => undefined,
      getAsyncHelpers: () => ({
        promiseAll: (values: readonly unknown[]) => Promise.all(values),
        track: () => {},
      }),
    } as unknown as Info;
    run.infos[field.number] = info;
    return info;
  }
}

function envelope(data: string): string {
  return `{"data":${data}}`;
}

function writeList(write: Writer, value: unknown, run: Run): Text {
  if (!Array.isArray(value)) throw new NotPlanned('A list is none at once.');
  let text = '[';
  let parts: Text[] | null = null;
  for (let at = 0; at < value.length; at += 1) {
    if (at > 0) text += ',';
    const each: unknown = value[at];
    const written = orForget(parts, () =>
      isPromise(each) ? each.then((resolved) => write(resolved, run)) : write(each, run),
    );
    if (typeof written === 'string') {
      text += written;
      continue;
    }
    parts ??= [];
    parts.push(text, written);
    text = '';
  }
  if (parts === null) return `${text}]`;
  parts.push(`${text}]`);
  return joined(parts);
}

/** What was begun before something threw is waited for by nobody, and must not end the process by failing. */
function orForget(parts: readonly Text[] | null, next: () => Text): Text {
  try {
    return next();
  } catch (error) {
    for (const part of parts ?? []) if (isPromise(part)) part.catch(() => {});
    throw error;
  }
}

async function joined(parts: readonly Text[]): Promise<string> {
  return (await Promise.all(parts)).join('');
}

function leafWriter(type: GraphQLLeafType): Writer {
  const isText = type.name === 'String' || type.name === 'ID';
  return (value) => {
    if (isText && typeof value === 'string') return JSON.stringify(value);
    const output = type.coerceOutputValue(value as never);
    if (output === null || output === undefined) throw new NotPlanned(`This is no ${type.name}.`);
    return JSON.stringify(output) ?? 'null';
  };
}

function isPromise(value: unknown): value is Promise<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

function mentionsVariable(node: {
  kind: string;
  values?: unknown;
  fields?: unknown;
  value?: unknown;
}): boolean {
  if (node.kind === Kind.VARIABLE) return true;
  if (node.kind === Kind.LIST) return (node.values as (typeof node)[]).some(mentionsVariable);
  if (node.kind === Kind.OBJECT) {
    return (node.fields as { value: typeof node }[]).some(({ value }) => mentionsVariable(value));
  }
  return false;
}
