/**
 * Generates the two Prisma clients, one for each database, from the one set of models in prisma/schema.prisma.
 *
 * Prisma's command looks for a schema engine to download before it generates, which fails wherever only a
 * package registry is reachable; generating never runs that engine, so any executable does in its place.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { postgresSchema } from './postgres-schema.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const models = join(root, 'prisma/schema.prisma');
const output = join(root, 'src/database/generated');

export function generateClients(): void {
  mkdirSync(output, { recursive: true });
  const derived = join(output, 'postgresql.prisma');
  writeFileSync(derived, postgresSchema(readFileSync(models, 'utf8')));
  for (const schema of [models, derived]) {
    execFileSync(
      process.execPath,
      [join(root, 'node_modules/prisma/build/index.js'), 'generate', `--schema=${schema}`, '--no-hints'],
      { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: environment() },
    );
  }
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1' };
}

function isFresh(): boolean {
  const made = join(output, 'postgresql/client.ts');
  return existsSync(made) && statSync(made).mtimeMs > statSync(models).mtimeMs;
}

if (
  process.argv[1] === fileURLToPath(import.meta.url) &&
  !(process.argv.includes('--if-needed') && isFresh())
) {
  generateClients();
}
