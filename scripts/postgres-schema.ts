/** Derives the PostgreSQL schema from the SQLite one: same models, another provider and output. */
export function postgresSchema(sqlite: string): string {
  return sqlite
    .replace('provider = "sqlite"', 'provider = "postgresql"')
    .replace(/generator pothos \{[^}]*\}\n/, '')
    .replace('"../src/database/generated/sqlite"', '"./postgresql"');
}
