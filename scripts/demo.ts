/**
 * Two instances that share a catalog, on this machine, with the project's own sample media: `npm run demo`.
 *
 * Everything is made anew at each start, in ./demo-data, by the same functions that GraphQL and the terminal use.
 */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunningApp, startApp } from '../src/app.ts';
import { decideConfig } from '../src/config/config.ts';
import { WHOLE_GRANT } from '../src/federation/grants.ts';
import { isCode } from '../src/lib/errors.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'demo-data');
const USER = 'demo';

const INSTANCES = [
  { name: 'Garden', port: 4001 },
  { name: 'Coast', port: 4002 },
] as const;

async function start({ name, port }: (typeof INSTANCES)[number]): Promise<RunningApp> {
  const on = (chosen: number) => {
    const { config, secrets } = decideConfig({
      HEDGEROW_NAME: name,
      HEDGEROW_PORT: String(chosen),
      HEDGEROW_DATA_DIR: join(folder, name.toLowerCase()),
      HEDGEROW_LOG_LEVEL: process.env.HEDGEROW_LOG_LEVEL ?? 'error',
    });
    return startApp({ config, secrets });
  };
  try {
    return await on(port);
  } catch (error) {
    // Something else has the port: any free one will do.
    if (isCode(error, 'CONFLICT')) return on(0);
    throw error;
  }
}

/** What is on one instance: its account, and its own half of the samples. */
async function fill(app: RunningApp, samples: string, password: string): Promise<void> {
  const user = await app.access.users.create({ name: USER, role: 'ADMIN', password });
  const summary = await app.library.importFiles({
    paths: [join(root, 'samples', samples)],
    visibility: 'PEERS',
    ownerId: user.user.id,
  });
  console.log(`  ${app.federation.instance().name}: imported ${summary.files} files of samples/${samples}`);
}

/** `to` redeems an invitation of `from`, and has its catalog. */
async function share(from: RunningApp, to: RunningApp): Promise<void> {
  const { code } = await from.federation.createInvitation({
    note: `for ${to.federation.instance().name}`,
    grant: WHOLE_GRANT,
    expiresInMinutes: 10,
    createdBy: null,
    mutual: false,
    allowPrivateEndpoint: false,
  });
  const { peerId } = await to.federation.pairWithPeer({ code, name: null, endpoint: null, shareBack: null });
  for (;;) {
    const peer = await to.database.prisma.peer.findUniqueOrThrow({ where: { id: peerId } });
    if (peer.lastSuccessAt !== null) {
      console.log(`  ${to.federation.instance().name}: has ${peer.itemCount} items of ${peer.name}`);
      return;
    }
    if (peer.errorCode !== null) throw new Error(`The demo could not pair: ${peer.errorMessage}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const password = randomBytes(9).toString('base64url');
await rm(folder, { recursive: true, force: true });
console.log('Starting two instances …');
const garden = await start(INSTANCES[0]);
const coast = await start(INSTANCES[1]);
await fill(garden, 'garden', password);
await fill(coast, 'coast', password);
await share(garden, coast);
await share(coast, garden);

console.log(`
Two instances, each with the other's pictures in its own catalog. Sign in as "${USER}" with ${password}

  Garden   ${garden.publicUrl.href}
           ${new URL('graphql', garden.publicUrl)}   (GraphiQL: run "browse-media")
  Coast    ${coast.publicUrl.href}
           ${new URL('graphql', coast.publicUrl)}

Ctrl-C ends both.`);

let ending = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (ending) return;
    ending = true;
    void Promise.all([garden[Symbol.asyncDispose](), coast[Symbol.asyncDispose]()]).then(() =>
      process.exit(0),
    );
  });
}
