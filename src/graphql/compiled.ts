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
  type GraphQLNamedOutputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getVariableValues,
  type InlineFragmentNode,
  isAbstractType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { type Cell, Row, type RowColumn, type RowLayout } from '../lib/rows.ts';

/** @throws NotPlanned, or what a resolver throws */
export type CompiledQuery = (
  variables: Readonly<Record<string, unknown>>,
  context: unknown,
) => string | Promise<string>;

/** The query is for graphql-js. */
export class NotPlanned extends Error {}

/**
 * What a field may say of itself to a plan, in its `extensions`.
 */
// No interface: `extensions` ask for a type that any name may be looked up in.
export type PlanHints = {
  /** Parts of its object that it reads, of those that whoever reads the object may leave out: see `readsBelow`. */
  reads?: readonly string[];
  /** A property of its object that alone decides on its value, so that it is resolved and written once for all that share it. */
  sameFor?: string;
  /** The column whose value it has, and nothing else, where its object is a row (`lib/rows.ts`). */
  column?: string;
  /** What it makes of that value. */
  shown?: (value: unknown) => unknown;
};

/** What a scalar may say of itself, in the same way. */
export type ScalarHints = {
  /** The JSON of a value as its `serialize` gives it. */
  written?: (value: never) => string;
  /** It is JSON of any kind, so that what is JSON already is written as it is. */
  isJson?: true;
};

type Writer = (value: unknown, run: Run, out: Out) => void;
/** JSON of a cell, behind the name of its field. */
type CellWriter = (cell: Cell) => string;
type Info = GraphQLResolveInfo & { readsBelow: () => ReadonlySet<string> };
type VariableValues = GraphQLResolveInfo['variableValues'];

/** JSON as it comes about: a text, and before it what was written already, with places for what is not there yet. */
interface Out {
  text: string;
  parts: (string | Out)[] | null;
}

/** One execution. */
interface Run {
  variables: VariableValues;
  context: unknown;
  /** Arguments that hang on variables, by the number of the field; the same for every object. */
  args: unknown[];
  infos: Info[];
  /** What fields have written that say `sameFor`, by the number of the field and the value of the property. */
  written: Map<unknown, string | Out>[];
  /** Values that are waited for. */
  waiting: number;
  failed: boolean;
  end: PromiseWithResolvers<void> | null;
}

interface FieldPlan {
  number: number;
  /** `"name":`, after a comma, or the brace where it is the first. */
  prefix: string;
  resolve: GraphQLField<unknown, unknown>['resolve'];
  name: string;
  /** Undefined: they hang on variables. */
  args: Record<string, unknown> | undefined;
  definition: GraphQLField<unknown, unknown>;
  nodes: readonly FieldNode[];
  parent: GraphQLObjectType;
  write: Writer;
  sameFor: string | undefined;
  reads: ReadonlySet<string> | undefined;
}

/** A field of an object that is a row: the cell at its place, or, without a writer, what its resolver gives. */
interface RowStep {
  field: FieldPlan;
  at: number;
  write: CellWriter | null;
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
  const shared: Shared = { schema, fragments, operation, readsOf };
  let fieldCount = 0;

  const write = planObject(root, [operation.selectionSet]);
  const definitions = operation.variableDefinitions ?? [];

  return (inputs, context) => {
    const { variableValues } = getVariableValues(schema, definitions, inputs);
    if (variableValues === undefined) throw new NotPlanned('The variables are not as they must be.');
    const run: Run = {
      variables: variableValues,
      context,
      args: [],
      infos: [],
      written: [],
      waiting: 0,
      failed: false,
      end: null,
    };
    const out: Out = { text: '{"data":', parts: null };
    try {
      write({}, run, out);
    } catch (error) {
      run.failed = true;
      throw error;
    }
    if (run.waiting === 0) return `${whole(out)}}`;
    run.end = Promise.withResolvers();
    return run.end.promise.then(() => `${whole(out)}}`);
  };

  function planObject(type: GraphQLObjectType, selections: readonly SelectionSetNode[]): Writer {
    const grouped = new Map<string, FieldNode[]>();
    for (const each of selections) collect(type, each, grouped, new Set());
    const fields = [...grouped].map(([key, nodes], at) => planField(type, key, nodes, at === 0));
    // A type that proves its objects does so asynchronously at times; that is graphql-js' own matter.
    const { isTypeOf } = type;
    let laidOut: RowLayout | null = null;
    let steps: readonly RowStep[] = [];
    return (value, run, out) => {
      if (isTypeOf && isTypeOf(value, run.context, undefined as never) !== true) {
        throw new NotPlanned(`It is not known whether this is a ${type.name}.`);
      }
      if (value instanceof Row) {
        const { layout } = value;
        if (layout !== laidOut) {
          steps = fields.map((field) => rowStep(field, layout));
          laidOut = layout;
        }
        writeRow(steps, value, run, out);
        return;
      }
      if (fields.length === 0) out.text += '{';
      for (const field of fields) {
        out.text += field.prefix;
        writeField(field, value, run, out);
      }
      out.text += '}';
    };
  }

  /** What is a cell is neither resolved nor made a value; fields that are more than that see the row as any object. */
  function writeRow(steps: readonly RowStep[], row: Row, run: Run, out: Out): void {
    const { cells } = row;
    let text = steps.length === 0 ? '{' : '';
    for (const { field, at, write } of steps) {
      if (write !== null) {
        text += write(cells[at] as Cell);
        continue;
      }
      out.text += text + field.prefix;
      text = '';
      writeField(field, row, run, out);
    }
    out.text += `${text}}`;
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
    const prefix = `${isFirst ? '{' : ','}${JSON.stringify(key)}:`;
    const number = fieldCount;
    fieldCount += 1;
    const definition = schema.getField(parent, name);
    if (node === undefined || definition === undefined || name === '__schema' || name === '__type') {
      throw new NotPlanned(`${parent.name}.${name} is not planned.`);
    }
    const hasVariables = (node.arguments ?? []).some(({ value }) => mentionsVariable(value));
    const selections = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    const typename = JSON.stringify(parent.name);
    const { sameFor } = hintsOf(definition);
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
        name === '__typename'
          ? (_value, _run, out) => append(out, typename)
          : planValue(definition.type, selections),
      sameFor,
      reads: undefined,
    };
  }

  function planValue(type: GraphQLOutputType, selections: readonly SelectionSetNode[]): Writer {
    if (isNonNullType(type)) {
      const write = planValue(type.ofType, selections);
      return (value, run, out) => {
        if (value === null || value === undefined) throw new NotPlanned('A value is missing.');
        write(value, run, out);
      };
    }
    const write = planPresent(type, selections);
    return (value, run, out) => {
      if (value === null || value === undefined) out.text += 'null';
      else write(value, run, out);
    };
  }

  function planPresent(type: GraphQLOutputType, selections: readonly SelectionSetNode[]): Writer {
    if (isLeafType(type)) return leafWriter(type);
    if (isListType(type)) {
      const named = isNonNullType(type.ofType) ? type.ofType.ofType : type.ofType;
      if (isText(named)) return writeTexts(planValue(type.ofType, selections));
      const write = planValue(type.ofType, selections);
      return (value, run, out) => writeList(write, value, run, out);
    }
    if (isObjectType(type)) return planObject(type, selections);
    if (!isAbstractType(type)) throw new NotPlanned('The type is of no known kind.');
    const plans = new Map<string, Writer>();
    const { resolveType } = type;
    return (value, run, out) => {
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
      write(value, run, out);
    };
  }

  function writeField(field: FieldPlan, source: unknown, run: Run, out: Out): void {
    const { sameFor } = field;
    if (sameFor === undefined) {
      writeValue(field.write, resolveField(field, source, run), run, out);
      return;
    }
    let known = run.written[field.number];
    if (known === undefined) {
      known = new Map();
      run.written[field.number] = known;
    }
    const by = (source as Record<string, unknown>)[sameFor];
    let written = known.get(by);
    if (written === undefined) {
      const own: Out = { text: '', parts: null };
      writeValue(field.write, resolveField(field, source, run), run, own);
      written = own.parts === null ? own.text : own;
      known.set(by, written);
    }
    if (typeof written === 'string') out.text += written;
    else leave(out, written);
  }

  function resolveField(field: FieldPlan, source: unknown, run: Run): unknown {
    const { resolve } = field;
    if (resolve !== undefined) {
      return resolve(source, argumentsOf(field, run), run.context, infoOf(field, run));
    }
    const value = (source as Record<string, unknown>)[field.name];
    if (typeof value === 'function') throw new NotPlanned('A property is a function.');
    return value;
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

  function readsOf({ definition, nodes }: FieldPlan): Set<string> {
    const reads = new Set<string>();
    const seen = new Set<string>();
    const walk = (type: GraphQLNamedOutputType | undefined, { selections }: SelectionSetNode): void => {
      if (!isObjectType(type) && !isAbstractType(type)) return;
      // Where it is not known yet of which type an object is, what any of them reads.
      const types = isAbstractType(type) ? [type, ...schema.getPossibleTypes(type)] : [type];
      for (const node of selections) {
        if (node.kind === Kind.FIELD) {
          const fields = types.flatMap((each) => schema.getField(each, node.name.value) ?? []);
          for (const field of fields) for (const name of hintsOf(field).reads ?? []) reads.add(name);
          const [field] = fields;
          if (field !== undefined && node.selectionSet !== undefined) {
            walk(getNamedType(field.type), node.selectionSet);
          }
          continue;
        }
        let fragment: InlineFragmentNode | FragmentDefinitionNode | undefined;
        if (node.kind === Kind.INLINE_FRAGMENT) fragment = node;
        else if (!seen.has(node.name.value)) fragment = fragments[node.name.value];
        if (node.kind === Kind.FRAGMENT_SPREAD) seen.add(node.name.value);
        if (fragment === undefined) continue;
        const condition = fragment.typeCondition?.name.value;
        walk(
          condition === undefined ? type : (schema.getType(condition) as GraphQLNamedOutputType),
          fragment.selectionSet,
        );
      }
    };
    const type = getNamedType(definition.type);
    for (const { selectionSet } of nodes) if (selectionSet !== undefined) walk(type, selectionSet);
    return reads;
  }

  /** One for a field and a run: its path has no places in lists. */
  function infoOf(field: FieldPlan, run: Run): Info {
    const known = run.infos[field.number];
    if (known !== undefined) return known;
    const info = new PlannedInfo(field, run, shared) as unknown as Info;
    run.infos[field.number] = info;
    return info;
  }
}

/** What all fields of a plan have in common. */
interface Shared {
  schema: GraphQLSchema;
  fragments: Record<string, FragmentDefinitionNode>;
  operation: OperationDefinitionNode;
  readsOf: (field: FieldPlan) => ReadonlySet<string>;
}

/** What a resolver is told of its field; a page has some twenty, so they share what does not differ. */
class PlannedInfo {
  readonly fieldName: string;
  readonly fieldNodes: readonly FieldNode[];
  readonly returnType: GraphQLOutputType;
  readonly parentType: GraphQLObjectType;
  readonly path: { prev: undefined; key: string; typename: string };
  readonly schema: GraphQLSchema;
  readonly fragments: Record<string, FragmentDefinitionNode>;
  readonly rootValue: undefined;
  readonly operation: OperationDefinitionNode;
  readonly variableValues: VariableValues;
  readonly #field: FieldPlan;
  readonly #readsOf: Shared['readsOf'];

  constructor(field: FieldPlan, run: Run, { schema, fragments, operation, readsOf }: Shared) {
    const [node] = field.nodes;
    this.fieldName = field.name;
    this.fieldNodes = field.nodes;
    this.returnType = field.definition.type;
    this.parentType = field.parent;
    this.path = { prev: undefined, key: node?.alias?.value ?? field.name, typename: field.parent.name };
    this.schema = schema;
    this.fragments = fragments;
    this.operation = operation;
    this.variableValues = run.variables;
    this.#field = field;
    this.#readsOf = readsOf;
  }

  getAbortSignal(): undefined {
    return undefined;
  }

  getAsyncHelpers(): object {
    return ASYNC_HELPERS;
  }

  readsBelow(): ReadonlySet<string> {
    this.#field.reads ??= this.#readsOf(this.#field);
    return this.#field.reads;
  }
}

const ASYNC_HELPERS = {
  promiseAll: (values: readonly unknown[]) => Promise.all(values),
  track: () => {},
};

/**
 * What the fields below the one that is resolved say that they read (`PlanHints.reads`), whatever they are of; so the rest need
 * not be read. Undefined: nobody knows, since graphql-js executes the query.
 */
export function readsBelow(info: GraphQLResolveInfo): ReadonlySet<string> | undefined {
  return (info as Partial<Info>).readsBelow?.();
}

function hintsOf({ extensions }: GraphQLField<unknown, unknown>): PlanHints {
  return extensions;
}

function writeList(write: Writer, value: unknown, run: Run, out: Out): void {
  if (!Array.isArray(value)) throw new NotPlanned('A list is none at once.');
  out.text += '[';
  for (let at = 0; at < value.length; at += 1) {
    if (at > 0) out.text += ',';
    writeValue(write, value[at], run, out);
  }
  out.text += ']';
}

/** A list of texts is written at once. */
function writeTexts(write: Writer): Writer {
  return (value, run, out) => {
    if (Array.isArray(value) && value.every((each) => typeof each === 'string'))
      out.text += JSON.stringify(value);
    else writeList(write, value, run, out);
  };
}

function writeValue(write: Writer, value: unknown, run: Run, out: Out): void {
  if (!isPromise(value)) {
    write(value, run, out);
    return;
  }
  const late: Out = { text: '', parts: null };
  leave(out, late);
  run.waiting += 1;
  // Both ways are taken care of here and now: whoever else fails first, this one must not end the process by failing too.
  value.then(
    (resolved) => {
      // Nobody waits for the rest.
      if (run.failed) return;
      try {
        write(resolved, run, late);
        run.waiting -= 1;
        if (run.waiting === 0) run.end?.resolve();
      } catch (error) {
        fail(run, error);
      }
    },
    (error) => fail(run, error),
  );
}

function fail(run: Run, error: unknown): void {
  run.failed = true;
  run.end?.reject(error);
}

/** A place for what is not there yet. */
function leave(out: Out, late: Out): void {
  out.parts ??= [];
  out.parts.push(out.text, late);
  out.text = '';
}

function whole({ text, parts }: Out): string {
  if (parts === null) return text;
  let all = '';
  for (const part of parts) all += typeof part === 'string' ? part : whole(part);
  return all + text;
}

function append(out: Out, text: string): void {
  out.text += text;
}

function isText(type: GraphQLOutputType): boolean {
  return isScalarType(type) && (type.name === 'String' || type.name === 'ID');
}

function leafWriter(type: GraphQLLeafType): Writer {
  const textOf = leafText(type);
  return (value, _run, out) => {
    out.text += textOf(value);
  };
}

/** JSON of a value that is there. */
function leafText(type: GraphQLLeafType): (value: unknown) => string {
  const slowly = (value: unknown): string => {
    const output = type.coerceOutputValue(value as never);
    if (output === null || output === undefined) throw new NotPlanned(`This is no ${type.name}.`);
    return JSON.stringify(output) ?? 'null';
  };
  if (isText(type)) return (value) => (typeof value === 'string' ? JSON.stringify(value) : slowly(value));
  if (isEnumType(type)) {
    const names = new Map(type.getValues().map(({ name, value }) => [value, JSON.stringify(name)]));
    return (value) => names.get(value) ?? slowly(value);
  }
  if (type.name === 'Int') {
    // Of 32 bits, as the type asks.
    return (value) => (typeof value === 'number' && (value | 0) === value ? String(value) : slowly(value));
  }
  return (scalarHints(type).written as ((value: unknown) => string) | undefined) ?? slowly;
}

function rowStep(field: FieldPlan, layout: RowLayout): RowStep {
  const { column: name, shown } = hintsOf(field.definition);
  const column = name === undefined ? undefined : layout.get(name);
  const write = column === undefined ? null : cellWriter(field.prefix, field.definition.type, column, shown);
  return { field, at: column?.at ?? 0, write };
}

/** Null: its value is to be resolved. */
function cellWriter(
  prefix: string,
  type: GraphQLOutputType,
  column: RowColumn,
  shown: PlanHints['shown'],
): CellWriter | null {
  const isRequired = isNonNullType(type);
  const textOf = cellText(isRequired ? type.ofType : type, column, shown);
  if (textOf === null) return null;
  const nothing = `${prefix}null`;
  const missing = (): string => {
    if (isRequired) throw new NotPlanned('A value is missing.');
    return nothing;
  };
  if (!isEnumType(isRequired ? type.ofType : type)) {
    return (cell) => {
      const text = cell === null ? null : textOf(cell);
      return text === null ? missing() : prefix + text;
    };
  }
  const known = new Map<string | number, string>();
  return (cell) => {
    if (cell === null) return missing();
    const found = known.get(cell);
    if (found !== undefined) return found;
    const text = textOf(cell);
    if (text === null) return missing();
    const whole = prefix + text;
    if (known.size < REMEMBERED) known.set(cell, whole);
    return whole;
  };
}

/** Cells of which the text is remembered: an enum has few. */
const REMEMBERED = 64;

/** JSON of a cell that has a value; null where what is shown of it is nothing. */
function cellText(
  type: GraphQLOutputType,
  { read = (cell) => cell, isJson }: RowColumn,
  shown: PlanHints['shown'],
): ((cell: string | number) => string | null) | null {
  if (isListType(type)) {
    const of = isNonNullType(type.ofType) ? type.ofType.ofType : type.ofType;
    return isJson && shown === undefined && isText(of) ? String : null;
  }
  if (!isLeafType(type)) return null;
  const textOf = leafText(type);
  if (shown !== undefined) {
    return (cell) => {
      const value = shown(read(cell));
      return value === null || value === undefined ? null : textOf(value);
    };
  }
  if (isJson && isScalarType(type) && scalarHints(type).isJson === true) return String;
  return (cell) => textOf(read(cell));
}

function scalarHints({ extensions }: GraphQLLeafType): ScalarHints {
  return extensions;
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
