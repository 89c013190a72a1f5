/**
 * The arrows between the rooms of src/, read from every import:
 * main → app → {cli, http, graphql} → {library, federation, delivery, access} → catalog → {storage, database} → lib
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SOURCES = fileURLToPath(new URL('../src/', import.meta.url));

/** From the top: a room may use those of the lines below its own. Its neighbours of the same line: see ASIDE. */
const LAYERS: readonly (readonly string[])[] = [
  ['main.ts'],
  // What the command line needs of the whole program, loaded by main only for commands that need it.
  ['host.ts'],
  // It uses the parts of the whole program in another way than `app.ts`, and opens the store as that does.
  ['move.ts'],
  ['app.ts'],
  ['cli', 'http', 'graphql'],
  ['library', 'federation', 'delivery', 'access'],
  ['catalog'],
  ['storage', 'database'],
  ['lib'],
];

/** Rooms beside the layers, and the rooms that may use them. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  config: ['host.ts', 'move.ts', 'app.ts', 'cli', 'http', 'lock.ts', 'log.ts'],
  'lock.ts': ['app.ts', 'host.ts', 'move.ts'],
  'log.ts': ['app.ts'],
  'version.ts': ['host.ts', 'app.ts', 'cli'],
  // What codegen makes of the schema and the operations: types and documents, of the tree outside src/.
  'schema/generated': ['cli'],
  // Runs in browsers; the server knows only the files that are built of it.
  web: [],
};

interface Exception {
  from: string;
  to: string;
  /** Only with `import type`, which leaves nothing of the arrow when the program runs. */
  types?: true;
  because: string;
}

/** Every arrow that the lines above do not draw. */
const ASIDE: readonly Exception[] = [
  { from: 'main.ts', to: 'cli', because: 'it runs the command line' },
  { from: 'main.ts', to: 'lib', because: 'compiled code is kept from before anything else is loaded' },
  { from: 'http', to: 'graphql', because: 'one of the routes serves the GraphQL schema' },
  {
    from: 'federation',
    to: 'delivery',
    because: 'thumbnails are fetched ahead, and a peer is asked for bytes, in the terms of delivery',
  },
  { from: 'config', to: 'lib', because: 'a wrong setting is an error like any other' },
  { from: 'config', to: 'database', types: true, because: 'it decides where the database is' },
  { from: 'lock.ts', to: 'lib', because: 'a folder that is taken is an error like any other' },
  { from: 'log.ts', to: 'federation', types: true, because: 'it writes the lines that federation names' },
];

interface PackageRule {
  packages: RegExp;
  /** Paths below src/, a file or a folder. */
  allowed: readonly string[];
}

const PACKAGES: readonly PackageRule[] = [
  { packages: /^(fastify|@fastify\/.*)$/, allowed: ['http/'] },
  { packages: /^undici$/, allowed: ['federation/outgoing/'] },
  // host.ts executes the schema for commands, without HTTP in between; GraphiQL's fetcher runs in browsers.
  {
    packages: /^(graphql|graphql-yoga|@pothos\/.*|@graphql-yoga\/.*|@escape\.tech\/.*)$/,
    allowed: ['graphql/', 'http/', 'host.ts', 'web/scripts/graphql-fetcher.ts'],
  },
  { packages: /^(better-auth(\/.*)?|openid-client|otpauth|@zxcvbn-ts\/.*)$/, allowed: ['access/'] },
  // The lock of the data folder is SQLite's own, on a file of its own.
  { packages: /^better-sqlite3$/, allowed: ['database/', 'lock.ts'] },
  { packages: /^(pg|@prisma\/.*)$/, allowed: ['database/'] },
];

/** The schema is typed by the models; accounts and pairings are written in transactions of Prisma, which only it can name. */
const CLIENT_TYPES: readonly string[] = [
  'graphql/',
  'access/users.ts',
  'federation/pairing/',
  'federation/peers/grant-changes.ts',
  'federation/pull/pull-manager.ts',
  'library/uploads.ts',
];

interface Import {
  /** Below src/. */
  file: string;
  line: number;
  specifier: string;
  /** Below src/; null for a package. */
  target: string | null;
  typeOnly: boolean;
}

const IMPORT =
  /^[ \t]*(?:import|export)\s+(?<type>type\s)?(?:(?<names>[\w*$\s{},]+?)\s+from\s+)?'(?<static>[^'\n]+)'|(?<typeof>typeof\s+)?\bimport\(\s*'(?<dynamic>[^'\n]+)'/gm;

const imports = sourceFiles().flatMap(importsOf);
const arrows = imports.filter(
  (one): one is Import & { target: string } => one.target !== null && roomOf(one.target) !== roomOf(one.file),
);

describe('the rooms of src/', () => {
  it('are all drawn in the layers or beside them', () => {
    const drawn = new Set([...LAYERS.flat(), ...Object.keys(BESIDE)]);
    expect([...new Set(sourceFiles().map(roomOf))].filter((room) => !drawn.has(room))).toEqual([]);
  });

  it('point one way', () => {
    expect(arrows.filter((arrow) => !isDrawn(arrow)).map(describeImport)).toEqual([]);
  });

  it('form no cycle', () => {
    const targets = new Map<string, Set<string>>();
    for (const { file, target } of arrows) {
      const known = targets.get(roomOf(file)) ?? new Set();
      targets.set(roomOf(file), known.add(roomOf(target)));
    }
    expect(findCycle(targets)).toBeNull();
  });

  it('need every exception that is listed', () => {
    const unused = ASIDE.filter(
      ({ from, to }) => !arrows.some(({ file, target }) => roomOf(file) === from && roomOf(target) === to),
    );
    expect(unused.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  it('keep each framework and driver in its room', () => {
    const misplaced = imports.filter(
      ({ file, specifier, target }) =>
        target === null &&
        PACKAGES.some(
          ({ packages, allowed }) =>
            packages.test(specifier) && !allowed.some((place) => file.startsWith(place)),
        ),
    );
    expect(misplaced.map(describeImport)).toEqual([]);
  });

  it('leave the generated Prisma clients to src/database, but for types of rows and transactions', () => {
    const misplaced = imports.filter(
      ({ file, target, typeOnly }) =>
        target?.startsWith('database/generated/') === true &&
        !file.startsWith('database/') &&
        !(typeOnly && CLIENT_TYPES.some((place) => file.startsWith(place))) &&
        // Pothos is given the models at run time, as plain data without a client.
        !(file === 'graphql/builder.ts' && target === 'database/generated/pothos-types.ts'),
    );
    expect(misplaced.map(describeImport)).toEqual([]);
  });
});

interface Locked {
  version: string;
  integrity?: string;
  resolved?: string;
  link?: boolean;
  optional?: boolean;
  deprecated?: string;
}

describe('packages', () => {
  const read = (path: string) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8');
  const manifest = JSON.parse(read('package.json')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
  const locked = Object.entries(lock.packages).filter(([path]) => path !== '');
  const direct = { ...manifest.dependencies, ...manifest.devDependencies };

  it('that are asked for by name each have a reason in docs/architecture.md, and no reason outlives its package', () => {
    const text = read('docs/architecture.md');
    const table = text
      .slice(text.indexOf('## Dependencies'))
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    const named = table.flatMap((line) =>
      [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    );
    expect(named.sort()).toEqual(Object.keys(direct).sort());
  });

  it('are locked at one version each, with the digest of what is loaded', () => {
    expect(Object.keys(direct).filter((name) => lock.packages[`node_modules/${name}`] === undefined)).toEqual(
      [],
    );
    expect(locked.length).toBeGreaterThan(500);
    for (const [path, { version, integrity, link, optional, resolved }] of locked) {
      expect(version, path).toMatch(/^\d+\.\d+\.\d+/);
      expect(link, path).toBeUndefined();
      // Nothing from a repository, a folder, or over plain HTTP.
      expect(resolved ?? 'https://', path).toMatch(/^https:\/\//);
      // Those of other platforms are optional, and written down without being loaded (scripts/complete-lock.ts).
      if (optional !== true) expect(integrity, path).toMatch(/^sha512-/);
    }
  });

  it('are none that their authors have given up', () => {
    expect(locked.filter(([, { deprecated }]) => deprecated !== undefined).map(([path]) => path)).toEqual([]);
  });
});

function isDrawn({ file, target, typeOnly }: Import & { target: string }): boolean {
  const from = roomOf(file);
  const to = roomOf(target);
  if (ASIDE.some((known) => known.from === from && known.to === to && (typeOnly || known.types !== true))) {
    return true;
  }
  const users = BESIDE[to];
  if (users !== undefined) return users.includes(from);
  const above = layerOf(from);
  return above !== -1 && above < layerOf(to) && !(from === 'main.ts' && to !== 'host.ts');
}

function layerOf(room: string): number {
  return LAYERS.findIndex((layer) => layer.includes(room));
}

/** A folder of src/, or a file that stands in src/ itself. */
function roomOf(path: string): string {
  if (path.startsWith('../')) return dirname(path).replace('../', '');
  return path.split('/', 1)[0] ?? path;
}

function sourceFiles(): string[] {
  return readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts') && !path.endsWith('.test.ts'))
    .filter((path) => !path.startsWith('database/generated/') && !path.includes('node_modules/'));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SOURCES, file), 'utf8');
  return [...text.matchAll(IMPORT)].map((match) => {
    const groups = match.groups ?? {};
    const specifier = groups['static'] ?? groups['dynamic'] ?? '';
    return {
      file,
      line: text.slice(0, match.index).split('\n').length,
      specifier,
      target: specifier.startsWith('.')
        ? relative(SOURCES, resolve(SOURCES, dirname(file), specifier)).replaceAll('\\', '/')
        : null,
      typeOnly:
        groups['type'] !== undefined || groups['typeof'] !== undefined || onlyTypes(groups['names'] ?? ''),
    };
  });
}

/** `{ type A, type B }` brings nothing that runs either. */
function onlyTypes(names: string): boolean {
  const inside = /^\{(.*)\}$/s.exec(names.trim())?.[1];
  const list = inside?.split(',').filter((name) => name.trim() !== '') ?? [];
  return list.length > 0 && list.every((name) => name.trim().startsWith('type '));
}

function describeImport({ file, line, specifier }: Import): string {
  return `src/${file}:${line} imports ${specifier}`;
}

function findCycle(targets: ReadonlyMap<string, ReadonlySet<string>>): string | null {
  const done = new Set<string>();
  const walk = (room: string, path: readonly string[]): string | null => {
    if (path.includes(room)) return [...path.slice(path.indexOf(room)), room].join(' → ');
    if (done.has(room)) return null;
    for (const next of targets.get(room) ?? []) {
      const cycle = walk(next, [...path, room]);
      if (cycle !== null) return cycle;
    }
    done.add(room);
    return null;
  };
  for (const room of targets.keys()) {
    const cycle = walk(room, []);
    if (cycle !== null) return cycle;
  }
  return null;
}
