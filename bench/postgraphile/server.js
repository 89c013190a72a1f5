/**
 * PostGraphile as one would put it into production over the same database: a process of its own, a pool of connections,
 * prepared statements and plans that are kept, no GraphiQL, no explaining. It sees two views (`VIEWS` in bench/catalog-data.ts),
 * and looks up the bearer token of each request before it answers.
 *
 *   NODE_ENV=production GRAPHILE_ENV=production node bench/postgraphile/server.js <postgresql://…/database>
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import pg from 'pg';
import { postgraphile } from 'postgraphile';
import { makePgService } from 'postgraphile/adaptors/pg';
import { grafserv } from 'postgraphile/grafserv/node';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';

// As many as the server that it stands beside has, and kept: a new one would be paid for within a turn.
const pool = new pg.Pool({ connectionString: process.argv[2], max: 10, idleTimeoutMillis: 0 });
pool.on('error', () => {});

const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  // It offers orders only where the table itself has an index; behind the views the indexes are there all the same.
  disablePlugins: ['PgIndexBehaviorsPlugin'],
  pgServices: [makePgService({ pool, schemas: ['bench'] })],
  grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false, websockets: false },
  grafast: { explain: false },
});
const graphql = instance.createServ(grafserv);
const answer = graphql.createHandler();

const server = createServer(async (request, response) => {
  const token = request.headers.authorization?.slice('Bearer '.length) ?? '';
  const hash = createHash('sha256').update(token).digest('hex');
  const { rowCount } = await pool.query({
    name: 'token',
    text: 'SELECT id FROM api_tokens WHERE hash = $1',
    values: [hash],
  });
  if (rowCount === 0) response.writeHead(401).end();
  else answer(request, response);
});
await graphql.ready?.();
server.listen(0, '127.0.0.1', () => console.log(` ready on http://127.0.0.1:${server.address().port}`));
process.on('SIGTERM', () => process.exit());
