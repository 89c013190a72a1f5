/**
 * What is written to be run elsewhere, as far as it can be run here: the Dockerfile's commands in a fresh folder, the compose file
 * against what it names, and nginx where it is installed.
 */

import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  chown,
  cp,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, matchesGlob, relative } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { decideConfig } from '../src/config/config.ts';
import { AWS_VARIABLES, readEnvironment, VARIABLES } from '../src/config/env.ts';
import { freePort } from './support/free-port.ts';
import { ADMIN_TOKEN, eventually, type Instance, SAMPLES, startInstance } from './support/instance.ts';
import { NGINX } from './support/reverse-proxies.ts';

const run = promisify(execFile);
const SMALL = 'node_modules/uqr';
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

interface Instruction {
  name: string;
  text: string;
}

/** The instructions of each stage. */
function stagesOf(dockerfile: string): Instruction[][] {
  const lines = dockerfile.replaceAll(/^#.*\n/gm, '').replaceAll(/\\\n/g, ' ');
  const stages: Instruction[][] = [];
  for (const [, name = '', text = ''] of lines.matchAll(/^([A-Z]+) (.*)$/gm)) {
    if (name === 'FROM') stages.push([]);
    stages.at(-1)?.push({ name, text });
  }
  return stages;
}

const texts = (stage: readonly Instruction[], name: string): string[] =>
  stage.filter((instruction) => instruction.name === name).map(({ text }) => text);

/** As `.dockerignore` says it: the last pattern that fits decides. */
async function isSent(path: string, patterns: readonly string[]): Promise<boolean> {
  let sent = true;
  for (const line of patterns) {
    const pattern = line.replace(/^!/, '');
    const parts = path.split('/');
    const fits = parts.some((_, at) => matchesGlob(parts.slice(0, at + 1).join('/'), pattern));
    if (fits) sent = line.startsWith('!');
  }
  return sent;
}

describe('the Dockerfile', () => {
  let folder: string;
  let stages: Instruction[][];
  const isRoot = process.getuid?.() === 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hedgerow-image-'));
    stages = stagesOf(await read('deploy/Dockerfile'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('stands on the Node of the project, for both processors, and runs as nobody special', async () => {
    const bases = stages.flatMap((stage) => texts(stage, 'FROM'));
    for (const base of bases)
      expect(base).toMatch(new RegExp(`^node:${(await read('.nvmrc')).trim()}-bookworm-slim\\b`));
    const last = stages.at(-1) ?? [];
    expect(texts(last, 'USER')).toEqual(['node']);
    expect(texts(last, 'RUN')).toEqual([]);
    expect(last.map(({ name }) => name).indexOf('USER')).toBeLessThan(
      last.map(({ name }) => name).indexOf('CMD'),
    );
    const locked = await lockedPackages();
    const libraries = Object.keys(locked);
    for (const name of libraries.filter(
      (path) => path.endsWith('-linux-x64') && locked[path]?.dev !== true,
    )) {
      expect(libraries).toContain(name.replace(/x64$/, 'arm64'));
    }
    const built = await readdir(join(ROOT, 'node_modules/better-sqlite3/prebuilds'));
    expect(built).toEqual(expect.arrayContaining(['linux-x64.node', 'linux-arm64.node']));
    for (const setting of texts(last, 'ENV')) {
      const [name = ''] = setting.split('=');
      if (name !== 'NODE_ENV') expect(VARIABLES).toContain(name);
    }
  });

  it('makes of its commands a folder in which the server runs without rights to write there', async () => {
    const [build = [], last = []] = stages;
    const made = join(folder, 'build');
    const patterns = (await read('deploy/Dockerfile.dockerignore'))
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    await cp(ROOT, made, {
      recursive: true,
      filter: async (path) => {
        const name = relative(ROOT, path);
        if (name === '' || (await stat(path)).isDirectory()) {
          return !/(^|\/)(node_modules|\.git)$/.test(name) && (name === '' || (await isSent(name, patterns)));
        }
        return isSent(name, patterns);
      },
    });
    expect(await readdir(made)).not.toContain('test');
    const [install = '', prune = '', data = '', ...more] = texts(build, 'RUN');
    expect(more).toEqual([]);
    // This one takes a minute, and is what installed this very folder: here is what it leaves.
    expect((await read('.ci/run')).split('\n')).toContain(install);
    // Of what is only for developing, one small package stands for the others, which would take a minute to copy.
    const packages = Object.entries(await lockedPackages())
      .filter(
        ([path, { dev }]) =>
          /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && (dev !== true || path === SMALL),
      )
      .map(([path]) => path);
    await linkFolders(
      packages.filter((path) => existsSync(join(ROOT, path))),
      made,
    );
    expect(existsSync(join(made, SMALL))).toBe(true);
    for (const path of ['src/database/generated', 'src/web/dist'])
      await cp(join(ROOT, path), join(made, path), { recursive: true });
    await run('sh', ['-c', prune], { cwd: made, maxBuffer: 1e8 });
    const kept = await readdir(join(made, 'node_modules'));
    expect(kept).toContain('fastify');
    for (const [path, { dev }] of Object.entries(await lockedPackages())) {
      const [name = ''] = path.replace('node_modules/', '').split('/');
      if (dev === true && path === `node_modules/${name}`) expect(kept).not.toContain(name);
    }
    await run('sh', ['-c', data], { cwd: made });

    const image = join(folder, 'image');
    const [home = ''] = texts(last, 'WORKDIR');
    await mkdir(image);
    for (const copy of texts(last, 'COPY')) {
      const words = copy.split(' ').filter((word) => !word.startsWith('--'));
      const to = words.pop() ?? '';
      for (const from of words) {
        const name = from.slice(`${home}/`.length);
        if (name === 'data') continue;
        await symlinkOrCopy(join(made, name), join(image, to === './' ? name : to));
      }
    }
    const dataFolder = join(folder, 'data');
    await mkdir(dataFolder);
    if (isRoot) {
      await chown(dataFolder, 1000, 1000);
      await run('chmod', ['755', folder]);
    }
    const port = await freePort();
    const environment: Record<string, string> = Object.fromEntries(
      texts(last, 'ENV').map((setting) => setting.split('=') as [string, string]),
    );
    expect(environment['HEDGEROW_HOST']).toBe('0.0.0.0');
    const options = {
      cwd: image,
      env: {
        PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
        ...environment,
        HEDGEROW_HOST: '127.0.0.1',
        HEDGEROW_PORT: String(port),
        HEDGEROW_DATA_DIR: dataFolder,
        HEDGEROW_LOG_LEVEL: 'error',
      },
      // As the user of the image, who owns nothing of what the commands made.
      ...(isRoot && { uid: 1000, gid: 1000 }),
    };
    const words = [...texts(last, 'ENTRYPOINT'), ...texts(last, 'CMD')].flatMap(
      (text) => JSON.parse(text) as string[],
    );
    const health = /CMD (\[.*\])$/.exec(texts(last, 'HEALTHCHECK')[0] ?? '');
    const [probe = '', ...probing] = JSON.parse(health?.[1] ?? '[]') as string[];
    const healthy = () =>
      run(probe, probing, options).then(
        () => true,
        () => false,
      );
    expect(await healthy()).toBe(false);
    const [program = '', ...rest] = words;
    const server = spawn(program, rest, { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise<number | null>((resolve) => server.once('exit', resolve));
    try {
      let out = '';
      server.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text;
      });
      await eventually(
        'the server to be ready',
        async () => / ready on /.test(out) || server.exitCode !== null,
        60_000,
      );
      expect(out).toContain(' ready on ');
      expect(await healthy()).toBe(true);
      const page = await request(`http://127.0.0.1:${port}/`);
      expect(page.statusCode).toBeLessThan(400);
      await page.body.dump();
      expect(await readdir(dataFolder)).toContain('hedgerow.db');
    } finally {
      server.kill((texts(last, 'STOPSIGNAL')[0] ?? 'SIGTERM') as NodeJS.Signals);
    }
    expect(await ended).toBe(0);
    // It copies all packages, by links.
  }, 240_000);
});

interface Service {
  image: string;
  build?: unknown;
  command?: string[];
  environment?: Record<string, string>;
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
  volumes?: string[];
  ports?: string[];
  networks: string[];
  restart: string;
  read_only?: boolean;
}

describe('the compose file', () => {
  let compose: { services: Record<string, Service>; volumes: object; networks: Record<string, unknown> };
  let text: string;
  let secrets: Record<string, string>;

  beforeAll(async () => {
    text = await read('deploy/compose.yaml');
    compose = parse(text, { merge: true }) as typeof compose;
    const { stdout } = await run('sh', [join(ROOT, 'deploy/make-env.sh')]);
    secrets = Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split('=') as [string, string]),
    );
  });

  /** As compose puts variables in: `${NAME:-default}` and `${NAME:?why}`. */
  const filled = (value: string): string =>
    value.replaceAll(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind: string, rest: string) => {
      const found = secrets[name] ?? (kind === '-' ? rest : undefined);
      if (found === undefined) throw new Error(`${name} is given by nobody.`);
      return found;
    });

  it('names what there is, and waits for what can say that it is there', async () => {
    const { services, volumes, networks } = compose;
    for (const [name, service] of Object.entries(services)) {
      expect(service.image, name).toMatch(/^[a-z/]+:[\w.-]*\d[\w.-]*$/);
      for (const volume of service.volumes ?? []) {
        const [from = ''] = volume.split(':');
        if (from.startsWith('./')) await stat(join(ROOT, 'deploy', from));
        else expect(Object.keys(volumes)).toContain(from);
      }
      for (const network of service.networks) expect(Object.keys(networks)).toContain(network);
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        const awaited = services[other];
        expect(awaited, `${name} waits for ${other}`).toBeDefined();
        if (condition === 'service_healthy') expect(awaited?.healthcheck ?? awaited?.build).toBeDefined();
        else expect(awaited?.restart).toBe('no');
      }
      if (service.restart !== 'no') expect(service.healthcheck ?? service.build, name).toBeDefined();
      for (const port of service.ports ?? []) expect(filled(port)).toMatch(/^(\d+\.){3}\d+:\d+:\d+$/);
    }
    const public_ = Object.entries(services).filter(([, { ports }]) => ports !== undefined);
    expect(public_.map(([name]) => name)).toEqual(['proxy']);
  });

  it('gives two processes settings with which they start, on one database, store and key', async () => {
    const processes = Object.entries(compose.services).filter(([, { image }]) =>
      image.startsWith('hedgerow:'),
    );
    expect(processes.map(([name]) => name)).toEqual(['hedgerow-1', 'hedgerow-2']);
    const folders = processes.map(([, { volumes }]) => volumes?.[0]);
    expect(new Set(folders).size).toBe(2);
    const version = JSON.parse(await read('package.json')).version;
    for (const [name, { environment = {}, read_only, image }] of processes) {
      expect(read_only, name).toBe(true);
      expect(image).toBe(`hedgerow:${version}`);
      const known: readonly string[] = [...VARIABLES, ...AWS_VARIABLES];
      for (const variable of Object.keys(environment)) expect(known).toContain(variable);
      const given = Object.fromEntries(
        Object.entries(environment).map(([key, value]) => [key, filled(value)]),
      );
      const { config, secrets } = decideConfig(readEnvironment(given));
      expect(secrets.masterKey?.length).toBe(32);
      expect(secrets.storageKeys).not.toBeNull();
      expect(config.database).toMatchObject({ dialect: 'postgresql' });
      expect(config.storage).toMatchObject({ kind: 's3', endpoint: 'http://store:9000', bucket: 'hedgerow' });
      expect(config.publicUrl).toBe('http://localhost:8080/hedgerow');
      const { database } = config;
      expect(new URL(database.dialect === 'postgresql' ? database.url : '').hostname).toBe('postgres');
      expect(text).toContain(`subnet: ${config.trustedProxies[0]}`);
    }
    const nginx = await read('deploy/nginx.conf');
    const port = /^ENV HEDGEROW_PORT=(\d+)$/m.exec(await read('deploy/Dockerfile'))?.[1];
    for (const [name] of processes) expect(nginx.split(`server ${name}:${port} `)).toHaveLength(3);
    expect(compose.services['bucket']?.command?.at(-1)).toBe('store/hedgerow');
  });

  it('has secrets that are new each time', async () => {
    const { stdout } = await run('sh', [join(ROOT, 'deploy/make-env.sh')]);
    for (const line of stdout.trim().split('\n')) {
      const [name = '', value = ''] = line.split('=');
      expect(value).toMatch(/^[0-9a-f]{20,}$/);
      expect(value).not.toBe(secrets[name]);
    }
  });
});

describe.skipIf(NGINX === undefined)('behind nginx', () => {
  describe.each([
    [
      'as the manual has it',
      '',
      async () => /```nginx\n([\s\S]*?)```/.exec(await read('docs/operating.md'))?.[1] ?? '',
    ],
    ['as two processes have it', '/hedgerow', () => read('deploy/nginx.conf')],
  ] as const)('%s', (_, prefix, configuration) => {
    let folder: string;
    let port: number;
    let instance: Instance;
    let server: ReturnType<typeof spawn>;
    let base: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'hedgerow-nginx-'));
      port = await freePort();
      const dead = await freePort();
      base = `http://127.0.0.1:${port}${prefix}`;
      instance = await startInstance('Garden', {
        HEDGEROW_PUBLIC_URL: base,
        HEDGEROW_TRUSTED_PROXIES: '127.0.0.1',
      });
      await instance.app.library.importFiles({ paths: [join(SAMPLES, 'coast')], visibility: 'PUBLIC' });
      const { host } = new URL(instance.url);
      const site = (await configuration())
        .replaceAll(/listen \d+;/g, `listen 127.0.0.1:${port};`)
        .replaceAll('127.0.0.1:4000', host)
        .replaceAll('hedgerow-1:4000', host)
        // The other process is not there, which nobody may notice.
        .replaceAll('hedgerow-2:4000', `127.0.0.1:${dead}`);
      await writeFile(join(folder, 'site.conf'), site);
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${join(folder, name)};`,
      );
      await writeFile(
        join(folder, 'nginx.conf'),
        `daemon off; master_process off; pid ${join(folder, 'pid')};
events { worker_connections 256; }
http { access_log off; ${temporary.join(' ')} include ${join(folder, 'site.conf')}; }`,
      );
      const words = ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')];
      await run(NGINX ?? '', [...words, '-t']);
      server = spawn(NGINX ?? '', words, { stdio: 'ignore' });
      await eventually('nginx to listen', () =>
        request(`${base}/healthz`).then(
          ({ statusCode }) => statusCode === 200,
          () => false,
        ),
      );
    });
    afterAll(async () => {
      const ended = new Promise((resolve) => server?.once('exit', resolve));
      if (server?.kill('SIGTERM')) await ended;
      await instance?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    const admin = { authorization: `Bearer ${ADMIN_TOKEN}` };

    it('each request is answered, ranges and files as long as they are', async () => {
      for (let time = 0; time < 20; time += 1) {
        const answer = await request(`${base}/healthz`);
        await answer.body.dump();
        expect(answer.statusCode).toBe(200);
      }
      const { media } = await instance.query<{ media: { nodes: { id: string; originalUrl: string }[] } }>(
        '{ media(first: 100, orderBy: { field: BYTE_SIZE, direction: DESC }) { nodes { id originalUrl } } }',
      );
      const [largest] = media.nodes;
      const direct = (await instance.get(`/media/${largest?.id}/original`)).body;
      const url = new URL(largest?.originalUrl ?? '', `${base}/`);
      const whole = await request(url, { headers: admin });
      expect(Buffer.from(await whole.body.arrayBuffer()).equals(direct)).toBe(true);
      const part = await request(url, {
        headers: { ...admin, range: 'bytes=10-99', 'accept-encoding': 'gzip' },
      });
      expect(part.statusCode).toBe(206);
      expect(part.headers['content-encoding']).toBeUndefined();
      expect(Buffer.from(await part.body.arrayBuffer()).equals(direct.subarray(10, 100))).toBe(true);
    });

    it('an event comes while its stream goes on', async () => {
      const stream = await request(`${base}/graphql`, {
        method: 'POST',
        headers: { ...admin, 'content-type': 'application/json', accept: 'text/event-stream' },
        body: JSON.stringify({ query: 'subscription { catalogChanged { revision } }' }),
      });
      expect(stream.headers['content-type']).toContain('text/event-stream');
      let seen = '';
      stream.body.setEncoding('utf8').on('data', (chunk: string) => {
        seen += chunk;
      });
      stream.body.on('error', () => {});
      const { media } = await instance.query<{ media: { nodes: { id: string }[] } }>(
        '{ media(first: 1) { nodes { id } } }',
      );
      await instance.query(
        'mutation ($id: ID!) { updateMedia(input: { id: $id, title: "Told" }) { userErrors { message } } }',
        { id: media.nodes[0]?.id ?? '' },
      );
      await eventually('the event', async () => /"revision":"\d+"/.test(seen));
      stream.body.destroy();
    });

    it('an upload goes through as it comes, however large', async () => {
      const bytes = Buffer.alloc(12 * 1024 * 1024, 7);
      const begun = await request(`${base}/uploads`, {
        method: 'POST',
        headers: { ...admin, 'tus-resumable': '1.0.0', 'upload-length': String(bytes.length) },
      });
      await begun.body.dump();
      expect(begun.statusCode).toBe(201);
      const at = new URL(String(begun.headers.location), `${base}/`);
      expect(at.pathname.startsWith(`${prefix}/uploads/`)).toBe(true);
      const sending = request(at, {
        method: 'PATCH',
        headers: {
          ...admin,
          'tus-resumable': '1.0.0',
          'upload-offset': '0',
          'content-type': 'application/offset+octet-stream',
          'content-length': String(bytes.length),
        },
        body: Readable.from(
          (async function* () {
            yield bytes.subarray(0, 2_000_000);
            // What is here already has arrived there: nginx does not gather it.
            await eventually('the first part', async () => {
              const held = await readdir(join(instance.folder, 'data', 'media', 'uploads')).catch(() => []);
              const sizes = await Promise.all(
                held.map(
                  async (name) => (await stat(join(instance.folder, 'data', 'media', 'uploads', name))).size,
                ),
              );
              return sizes.some((size) => size > 1_000_000);
            });
            yield bytes.subarray(2_000_000);
          })(),
        ),
      });
      const { statusCode, headers, body } = await sending;
      await body.dump();
      expect(statusCode).toBe(204);
      expect(headers['upload-offset']).toBe(String(bytes.length));
    });

    it('the client is known by its own address, and by no other that it names', async () => {
      const agent = new Agent({ localAddress: '127.0.0.2' });
      const token = createHash('sha256').update(base).digest('hex');
      const answer = await request(`${base}/graphql`, {
        dispatcher: agent,
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'x-forwarded-for': '192.0.2.7',
        },
        body: '{"query":"{ __typename }"}',
      });
      await answer.body.dump();
      await agent.destroy();
      expect(answer.statusCode).toBe(401);
      await instance.app.audit.flush();
      const rows = await instance.app.database.prisma.auditEvent.findMany({ where: { action: 'token.use' } });
      expect(rows.map(({ address }) => address)).toEqual(['127.0.0.2']);
    });
  });
});

/** By path; `dev`: only for who works on the program. */
async function lockedPackages(): Promise<Record<string, { dev?: boolean }>> {
  return JSON.parse(await read('package-lock.json')).packages;
}

/** Hard links, where the disk has them: as quick as nothing, and what is removed of one is not removed of the other. */
async function linkFolders(names: readonly string[], to: string): Promise<void> {
  const copy = (how: string) => run('cp', [how, '--parents', ...names, to], { cwd: ROOT });
  await copy('-al').catch(() => copy('-a'));
}

async function symlinkOrCopy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  if ((await stat(from)).isDirectory()) await symlink(from, to);
  else await link(from, to);
}
