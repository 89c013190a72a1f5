/**
 * Completes package-lock.json: `npm run lock` after each `npm install`.
 *
 * npm leaves the packages of other platforms out of a lock where the registry that it was made with does not carry
 * them, and `npm ci` then refuses the lock. Their versions are exact in the packages that name them, so they can be
 * written down without being fetched; npm gets them by name and version where they are needed.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

interface LockedPackage {
  version?: string;
  dev?: boolean;
  optionalDependencies?: Record<string, string>;
}

const PATH = fileURLToPath(new URL('../package-lock.json', import.meta.url));
const SYSTEMS = [
  'android',
  'darwin',
  'freebsd',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'aix',
  'win32',
  'linux',
];
const PROCESSORS = [
  'arm64',
  'x64',
  'ia32',
  'ppc64',
  'riscv64',
  's390x',
  'loong64',
  'mips64el',
  'wasm32',
  'arm',
];

/** What a package of that name runs on, as these packages are named: `…-linux-arm64-musl`. */
function platform(name: string): { os?: string[]; cpu?: string[]; libc?: string[] } {
  const short = name.split('/').pop() ?? '';
  const os = SYSTEMS.find((system) => short.includes(system));
  const cpu = PROCESSORS.find((processor) => short.includes(processor));
  const libc =
    os !== 'linux'
      ? undefined
      : short.includes('musl')
        ? 'musl'
        : short.includes('gnu')
          ? 'glibc'
          : undefined;
  return { ...(os && { os: [os] }), ...(cpu && { cpu: [cpu] }), ...(libc && { libc: [libc] }) };
}

const lock: { packages: Record<string, LockedPackage> } = JSON.parse(await readFile(PATH, 'utf8'));
const { packages } = lock;
for (const [where, found] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(found.optionalDependencies ?? {})) {
    const known = packages[`${where}/node_modules/${name}`] ?? packages[`node_modules/${name}`];
    if (known !== undefined || !/^\d/.test(version)) continue;
    packages[`node_modules/${name}`] = {
      version,
      ...platform(name),
      ...(found.dev && { dev: true }),
      ...{ optional: true },
    };
    console.log(`${name}@${version}`);
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
await writeFile(PATH, `${JSON.stringify(lock, null, 2)}\n`);
