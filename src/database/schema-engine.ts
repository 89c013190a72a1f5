import { readFile } from 'node:fs/promises';
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';

/** The part of the global that is used here; Node's own types leave it out. */
const webAssembly = (
  globalThis as unknown as {
    WebAssembly: {
      instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: object } }>;
    };
  }
).WebAssembly;

type Engine = typeof import('@prisma/schema-engine-wasm');

let loaded: Promise<Engine['SchemaEngine']> | undefined;

/**
 * Prisma's own schema engine as WebAssembly: migrates without a downloaded binary, and keeps
 * `_prisma_migrations` as the ordinary Prisma command does.
 */
export async function schemaEngine(
  adapterFactory: SqlMigrationAwareDriverAdapterFactory,
  models?: string,
): Promise<SchemaEngine> {
  loaded ??= load();
  const engine = await loaded;
  return engine.new(
    { datamodels: models === undefined ? undefined : [['schema.prisma', models]] },
    () => {},
    bindMigrationAwareSqlAdapterFactory(adapterFactory),
  );
}

async function load(): Promise<Engine['SchemaEngine']> {
  const glue = await import('@prisma/schema-engine-wasm/schema_engine_bg' as string);
  const bytes = await readFile(
    new URL('schema_engine_bg.wasm', import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg')),
  );
  const { instance } = await webAssembly.instantiate(bytes, { './schema_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  (instance.exports as { __wbindgen_start(): void }).__wbindgen_start();
  return glue.SchemaEngine;
}
