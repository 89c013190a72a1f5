/** The routes, as OpenAPI 3.1 describes them. Printed to `schema/openapi.json`, and served. */

const PROBLEM = { $ref: '#/components/responses/Problem' };
const VARIANTS = ['thumbnail', 'preview', 'playable', 'original'];

type Who = 'anyone' | 'viewer' | 'peer';

interface Route {
  summary: string;
  who: Who;
  tag: 'graphql' | 'media' | 'uploads' | 'session' | 'pairing' | 'federation' | 'server';
  /** Media types of the answer, by status; null: no content. */
  answers: Record<string, readonly string[] | null>;
  body?: readonly string[];
  query?: Record<string, string>;
}

const JSON_TYPE = ['application/json'];
const BYTES = { '200': ['*/*'], '206': ['*/*'], '304': null, '416': ['application/problem+json'] };
const FEED = { '200': JSON_TYPE, '304': null };

/** By method and path. */
const ROUTES: Record<string, Route> = {
  'GET /graphql': {
    summary:
      'A query, or a subscription as server-sent events. With an ETag; asks for the header X-Hedgerow-CSRF or for a token.',
    who: 'viewer',
    tag: 'graphql',
    query: { query: 'The document.', operationName: 'Which of its operations.', variables: 'A JSON object.' },
    answers: { '200': ['application/graphql-response+json', ...JSON_TYPE, 'text/event-stream'], '304': null },
  },
  'POST /graphql': {
    summary: 'A query, mutation or subscription; GraphQL over HTTP. The schema is at /schema.graphql.',
    who: 'viewer',
    tag: 'graphql',
    body: JSON_TYPE,
    answers: { '200': ['application/graphql-response+json', ...JSON_TYPE, 'text/event-stream'] },
  },
  'GET /media/{id}/{variant}': {
    summary: 'Bytes of any item, of this instance or of a peer; ranges and conditions as in RFC 9110.',
    who: 'viewer',
    tag: 'media',
    answers: BYTES,
  },
  'GET /federation/proxy/{peerId}/{remoteId}/{variant}': {
    summary: "The same bytes, by our id of the peer (or its instance id) and the item's id there.",
    who: 'viewer',
    tag: 'media',
    answers: BYTES,
  },
  'OPTIONS /uploads': {
    summary: 'What of tus 1.0 is there.',
    who: 'anyone',
    tag: 'uploads',
    answers: { '204': null },
  },
  'POST /uploads': {
    summary: 'Begins an upload (tus 1.0), or takes files as multipart/form-data, in fields named file.',
    who: 'viewer',
    tag: 'uploads',
    body: ['multipart/form-data', 'application/offset+octet-stream'],
    answers: { '200': JSON_TYPE, '201': null },
  },
  'HEAD /uploads/{id}': {
    summary: 'How far an upload is.',
    who: 'viewer',
    tag: 'uploads',
    answers: { '200': null },
  },
  'PATCH /uploads/{id}': {
    summary: 'Goes on with an upload.',
    who: 'viewer',
    tag: 'uploads',
    body: ['application/offset+octet-stream'],
    answers: { '204': null },
  },
  'DELETE /uploads/{id}': {
    summary: 'Gives an upload up.',
    who: 'viewer',
    tag: 'uploads',
    answers: { '204': null },
  },
  'GET /session': {
    summary: 'Who is signed in.',
    who: 'viewer',
    tag: 'session',
    answers: { '200': JSON_TYPE },
  },
  'POST /session': {
    summary: 'Signs in with name and password, and with a code where the account has a second factor.',
    who: 'anyone',
    tag: 'session',
    body: JSON_TYPE,
    answers: { '200': JSON_TYPE },
  },
  'DELETE /session': { summary: 'Signs out.', who: 'anyone', tag: 'session', answers: { '204': null } },
  'GET /audit.ndjson': {
    summary: 'Who did what, a JSON object a line; for admins.',
    who: 'viewer',
    tag: 'server',
    answers: { '200': ['application/x-ndjson'] },
  },
  'GET /audit.csv': {
    summary: 'Who did what, as a table; for admins.',
    who: 'viewer',
    tag: 'server',
    answers: { '200': ['text/csv'] },
  },
  'GET /api/federation/peers': {
    summary: 'The peers.',
    who: 'viewer',
    tag: 'pairing',
    answers: { '200': JSON_TYPE },
  },
  'GET /api/federation/peers/{id}/agents': {
    summary: 'Agents that a peer publishes.',
    who: 'viewer',
    tag: 'pairing',
    answers: { '200': JSON_TYPE },
  },
  'POST /api/federation/generate-pairing-token': {
    summary: 'Makes an invitation.',
    who: 'viewer',
    tag: 'pairing',
    body: JSON_TYPE,
    answers: { '200': JSON_TYPE },
  },
  'POST /api/federation/pair': {
    summary: 'Redeems an invitation.',
    who: 'viewer',
    tag: 'pairing',
    body: JSON_TYPE,
    answers: { '200': JSON_TYPE },
  },
  'DELETE /api/federation/peers/{id}': {
    summary: 'Ends a pairing.',
    who: 'viewer',
    tag: 'pairing',
    answers: { '200': JSON_TYPE },
  },
  'GET /.well-known/hedgerow': {
    summary: 'What this instance is; the messages between instances are in /federation.schema.json.',
    who: 'anyone',
    tag: 'federation',
    answers: { '200': JSON_TYPE },
  },
  'POST /federation/v1/pairings': {
    summary: 'Redeems an invitation of this instance.',
    who: 'anyone',
    tag: 'federation',
    body: JSON_TYPE,
    answers: { '200': JSON_TYPE },
  },
  'POST /federation/v1/keys': {
    summary: 'Tells of a new key of the peer.',
    who: 'peer',
    tag: 'federation',
    body: JSON_TYPE,
    answers: { '200': JSON_TYPE },
  },
  'GET /federation/v1/media': { summary: 'The feed.', who: 'peer', tag: 'federation', answers: FEED },
  'GET /federation/v1/media/{id}/{variant}': {
    summary: 'Bytes of a shared item.',
    who: 'peer',
    tag: 'federation',
    answers: BYTES,
  },
  'GET /federation/v1/media/{id}/{variant}/segments': {
    summary: 'Digests of the segments of a file.',
    who: 'peer',
    tag: 'federation',
    answers: { '200': ['application/octet-stream'] },
  },
  'GET /federation/v1/status': {
    summary: 'How the pairing stands.',
    who: 'peer',
    tag: 'federation',
    answers: { '200': JSON_TYPE },
  },
  'GET /federation/v1/events': {
    summary: 'Hints of changes, as server-sent events.',
    who: 'peer',
    tag: 'federation',
    answers: { '200': ['text/event-stream'] },
  },
  'GET /federation/v1/agents': {
    summary: 'Agents that this instance publishes.',
    who: 'peer',
    tag: 'federation',
    answers: { '200': JSON_TYPE },
  },
  'POST /federation/v1/credentials': {
    summary: 'Asks for a new credential.',
    who: 'peer',
    tag: 'federation',
    body: JSON_TYPE,
    answers: { '200': JSON_TYPE },
  },
  'DELETE /federation/v1/pairing': {
    summary: 'Tells that the pairing is over.',
    who: 'peer',
    tag: 'federation',
    answers: { '204': null },
  },
  'GET /federation/images': {
    summary: 'Images for peers of dialect artifex.',
    who: 'peer',
    tag: 'federation',
    answers: FEED,
  },
  'GET /federation/v1/images': {
    summary: 'The same, under its later name.',
    who: 'peer',
    tag: 'federation',
    answers: FEED,
  },
  'GET /images/{id}/{variant}': {
    summary: 'Bytes of an image, for peers of dialect artifex.',
    who: 'peer',
    tag: 'federation',
    answers: BYTES,
  },
  'GET /schema.graphql': {
    summary: 'The schema of /graphql.',
    who: 'anyone',
    tag: 'server',
    answers: { '200': ['text/plain'] },
  },
  'GET /federation.schema.json': {
    summary: 'JSON Schema of the messages between instances.',
    who: 'anyone',
    tag: 'server',
    answers: { '200': ['application/schema+json'] },
  },
  'GET /openapi.json': {
    summary: 'This document.',
    who: 'anyone',
    tag: 'server',
    answers: { '200': JSON_TYPE },
  },
  'GET /healthz': {
    summary: 'Whether the process answers.',
    who: 'anyone',
    tag: 'server',
    answers: { '200': null },
  },
  'GET /readyz': {
    summary: 'Whether it can serve.',
    who: 'anyone',
    tag: 'server',
    answers: { '200': null, '503': null },
  },
};

const SECURITY: Record<Who, readonly Record<string, readonly string[]>[]> = {
  anyone: [],
  viewer: [{ token: [] }, { session: [] }],
  peer: [{ peer: [] }],
};

export function openApi(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [route, described] of Object.entries(ROUTES)) {
    const [method = '', path = ''] = route.split(' ');
    paths[path] ??= {};
    paths[path][method.toLowerCase()] = operation(path, described);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Hedgerow',
      version,
      description: 'Routes beside GraphQL. What is renamed or removed is announced one minor version before.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token of a program.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'hedgerow.session_token',
          description: 'Of a browser.',
        },
        peer: {
          type: 'http',
          scheme: 'bearer',
          description: 'The credential of a pairing, with a signature over the request (docs/federation.md).',
        },
      },
      responses: {
        Problem: {
          description: 'What went wrong (RFC 9457).',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
      schemas: {
        Problem: {
          type: 'object',
          required: ['type', 'title', 'status', 'code'],
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            code: { type: 'string', description: 'Stable, in kebab-case.' },
            detail: { type: 'string' },
          },
        },
      },
    },
  };
}

function operation(path: string, { summary, who, tag, answers, body, query = {} }: Route): object {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
  const parameters = [
    ...names.map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: name === 'variant' ? { type: 'string', enum: VARIANTS } : { type: 'string' },
    })),
    ...Object.entries(query).map(([name, description]) => ({
      name,
      in: 'query',
      description,
      schema: { type: 'string' },
    })),
  ];
  return {
    summary,
    tags: [tag],
    security: SECURITY[who],
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { required: true, content: Object.fromEntries(body.map((type) => [type, {}])) },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, types]) => [
          status,
          {
            description: status,
            ...(types !== null && { content: Object.fromEntries(types.map((type) => [type, {}])) }),
          },
        ]),
      ),
      default: PROBLEM,
    },
  };
}
