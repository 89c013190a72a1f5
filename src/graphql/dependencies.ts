/**
 * What an answer hangs on, found out once for each document: whether it may be kept, and which counters must stand as
 * they stood. A field that is not named here is never kept; `kept-answers.test.ts` asks of every new one.
 */

import {
  type ArgumentNode,
  type DocumentNode,
  type FieldNode,
  type GraphQLSchema,
  getNamedType,
  Kind,
  type ObjectFieldNode,
  type OperationDefinitionNode,
  TypeInfo,
  type ValueNode,
  visit,
  visitWithTypeInfo,
} from 'graphql';

export interface Dependencies {
  /** Something of a peer's own row is shown: its health, how fresh it is. */
  peers: boolean;
  /** The passing of time alone makes it another answer. */
  time: boolean;
  /** Values that must be ids of what the catalog has. */
  ids: readonly ValueNode[];
}

/** Fields whose answer changes with the catalog's revision alone. */
const CATALOG: Record<string, readonly string[]> = {
  Query: ['media', 'albums', 'node', 'nodes'],
  MediaConnection: ['edges', 'nodes', 'pageInfo', 'totalCount', 'facets', 'months'],
  MediaMonth: ['month', 'count', 'cursor'],
  MediaEdge: ['cursor', 'node'],
  AlbumConnection: ['edges', 'nodes', 'pageInfo', 'totalCount'],
  AlbumEdge: ['cursor', 'node'],
  PageInfo: ['hasNextPage', 'hasPreviousPage', 'startCursor', 'endCursor'],
  MediaFacets: ['kinds', 'tags', 'years'],
  KindFacet: ['kind', 'count'],
  TagFacet: ['tag', 'count'],
  YearFacet: ['year', 'count'],
  PeerFacet: ['count'],
  Node: ['id'],
  Album: ['id', 'title', 'description', 'mediaCount', 'media'],
};
const MEDIA = [
  'id kind title description filename mimeType byteSize digest width height durationMs pageCount thumbhash takenAt',
  'takenAtOffset addedAt updatedAt tags albums creator license properties thumbnailUrl previewUrl playableUrl',
  'originalUrl copies viewerCanUpdate viewerCanDelete',
]
  .join(' ')
  .split(' ');
CATALOG['Media'] = MEDIA;
CATALOG['LocalMedia'] = [...MEDIA, 'visibility', 'storage'];
CATALOG['RemoteMedia'] = [...MEDIA, 'remoteId', 'hidden'];

/** Fields that show what rows of peers say. */
const PEERS: Record<string, readonly string[]> = {
  Query: ['peers'],
  Media: ['peer'],
  LocalMedia: ['peer'],
  RemoteMedia: ['peer'],
  Album: ['peer'],
  PeerFacet: ['peer'],
  MediaFacets: ['origins'],
  MediaConnection: ['sources'],
  Peer: 'id name status health dialect verified mediaCount lastSuccessAt agents media'.split(' '),
  PeerConnection: ['edges', 'nodes', 'pageInfo', 'totalCount'],
  PeerEdge: ['cursor', 'node'],
  CatalogSource: 'peer health lastSuccessAt completeness inSync stale reason'.split(' '),
  Agent: 'name description url version skills'.split(' '),
};

/** A source grows stale without anybody's doing. */
const TIME = ['MediaConnection.sources', 'Peer.health'];

/** `node` finds these in the catalog; anything else that has an id has counters of its own, or none. */
const CATALOG_ID = /^(?:media|album)_/;

export type Standing = 'catalog' | 'peers' | 'never';

/** On what a field of the schema hangs. */
export function standingOf(type: string, field: string): Standing {
  if (field === '__typename' || CATALOG[type]?.includes(field)) return 'catalog';
  return PEERS[type]?.includes(field) ? 'peers' : 'never';
}

/** Null: the answer is not kept. */
export function dependenciesOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): Dependencies | null {
  if (operation.operation !== 'query') return null;
  const found = { peers: false, time: false, ids: [] as ValueNode[] };
  let keeps = true;
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      // Of all operations: what another one asks for may be kept less, never more.
      [Kind.FIELD]: (node: FieldNode) => {
        const parent = types.getParentType();
        const name = node.name.value;
        const standing = parent == null ? 'never' : standingOf(parent.name, name);
        if (standing === 'never') keeps = false;
        if (standing === 'peers') found.peers = true;
        if (TIME.includes(`${parent?.name}.${name}`)) found.time = true;
        if (parent?.name === 'Query' && (name === 'node' || name === 'nodes')) {
          for (const { value } of node.arguments ?? []) found.ids.push(value);
        }
      },
      [Kind.ARGUMENT]: (node: ArgumentNode) => {
        // A signed URL ends.
        if (
          node.name.value === 'access' &&
          !(node.value.kind === 'EnumValue' && node.value.value === 'SESSION')
        ) {
          keeps = false;
        }
      },
      // Which bytes are here is counted by nobody.
      [Kind.OBJECT_FIELD]: (node: ObjectFieldNode) => {
        if (node.name.value === 'availability') keeps = false;
      },
      [Kind.VARIABLE_DEFINITION]: () => {
        const type = types.getInputType();
        if (type != null && getNamedType(type).name === 'UrlAccess') keeps = false;
      },
    }),
  );
  return keeps ? found : null;
}

/** Whether these variables leave the answer one that is kept. */
export function keepsWith(
  { ids }: Dependencies,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): boolean {
  if (ids.length > 0 && !ids.every((value) => areCatalogIds(value, operation, variables))) return false;
  return !mentionsAvailability(variables, 0);
}

function areCatalogIds(
  value: ValueNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): boolean {
  switch (value.kind) {
    case 'StringValue':
      return CATALOG_ID.test(value.value);
    case 'ListValue':
      return value.values.every((each) => areCatalogIds(each, operation, variables));
    case 'Variable': {
      // A default value is not looked for.
      const given = variables[value.name.value];
      return [given].flat().every((id) => typeof id === 'string' && CATALOG_ID.test(id));
    }
    default:
      return false;
  }
}

function mentionsAvailability(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth > 8) return true;
  if (Array.isArray(value)) return value.some((each) => mentionsAvailability(each, depth + 1));
  return Object.entries(value).some(
    ([key, each]) => key === 'availability' || mentionsAvailability(each, depth + 1),
  );
}
