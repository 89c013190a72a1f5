/** The built pages, which an instance serves as they lie in `src/web/dist`. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'vite';

const WEB = fileURLToPath(new URL('../../src/web/', import.meta.url));
const OPERATIONS = fileURLToPath(new URL('../../schema/operations/', import.meta.url));

/** Builds them where a source is newer, so that no test looks at pages of yesterday. */
export async function ensurePagesBuilt(): Promise<void> {
  const built = await stat(join(WEB, 'dist', 'index.html')).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  const newest = Math.max(await newestIn(WEB), await newestIn(OPERATIONS));
  if (newest <= built) return;
  // Another test may be serving from the folder.
  await buildPages({ emptyOutDir: false });
}

/** As they are built to be shipped: by its own environment, that of a test, Vite would take React for development. */
export async function buildPages(options: BuildOptions): Promise<void> {
  const before = process.env['NODE_ENV'];
  process.env['NODE_ENV'] = 'production';
  try {
    await build({ configFile: join(WEB, 'vite.config.ts'), logLevel: 'error', build: options });
  } finally {
    process.env['NODE_ENV'] = before;
  }
}

async function newestIn(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const times = files
    .filter((file) => file.isFile() && !join(file.parentPath, file.name).startsWith(join(WEB, 'dist')))
    .map(async (file) => (await stat(join(file.parentPath, file.name))).mtimeMs);
  return Math.max(0, ...(await Promise.all(times)));
}
