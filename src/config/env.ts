/** Reads the environment and decides nothing: every value is text, or absent. */
import { readFileSync } from 'node:fs';
import { HedgerowError } from '../lib/errors.ts';

export const VARIABLES = [
  'HEDGEROW_HOST',
  'HEDGEROW_PORT',
  'HEDGEROW_DATA_DIR',
  'HEDGEROW_NAME',
  'HEDGEROW_PUBLIC_URL',
  'HEDGEROW_TRUSTED_PROXIES',
  'HEDGEROW_ALLOWED_ORIGINS',
  'HEDGEROW_DATABASE_URL',
  'HEDGEROW_STORAGE_URL',
  'HEDGEROW_ADMIN_TOKEN',
  'HEDGEROW_MASTER_KEY',
  'HEDGEROW_KEY_PASSPHRASE',
  'HEDGEROW_PULL_INTERVAL',
  'HEDGEROW_CACHE_BYTES',
  'HEDGEROW_FEDERATION',
  'HEDGEROW_ANONYMOUS',
  'HEDGEROW_OPERATIONS',
  'HEDGEROW_REQUESTS_PER_MINUTE',
  'HEDGEROW_UPLOAD_BYTES',
  'HEDGEROW_UPLOAD_QUOTA',
  'HEDGEROW_OIDC_ISSUER',
  'HEDGEROW_OIDC_CLIENT_ID',
  'HEDGEROW_OIDC_CLIENT_SECRET',
  'HEDGEROW_OIDC_NAME',
  'HEDGEROW_OIDC_SCOPES',
  'HEDGEROW_OIDC_ROLES_CLAIM',
  'HEDGEROW_OIDC_ROLES',
  'HEDGEROW_LOG_LEVEL',
] as const;
/** Where everybody who speaks to an S3-compatible store looks for its keys. */
export const AWS_VARIABLES = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_REGION',
] as const;
export type Variable = (typeof VARIABLES)[number] | (typeof AWS_VARIABLES)[number];
export type Settings = Partial<Record<Variable, string>>;

/**
 * The `HEDGEROW_…` settings, each of which may stand in a file that `…_FILE` names, and the AWS variables.
 *
 * @throws HedgerowError INVALID for a setting that is not one of ours, one given twice, or an unreadable file.
 */
export function readEnvironment(environment: NodeJS.ProcessEnv): Settings {
  const settings: Settings = {};
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('HEDGEROW_') || value === undefined) continue;
    const isFile = name.endsWith('_FILE');
    const variable = VARIABLES.find((known) => known === (isFile ? name.slice(0, -'_FILE'.length) : name));
    // A mistyped name would otherwise be a setting that silently does nothing.
    if (variable === undefined) throw new HedgerowError('INVALID', `There is no setting ${name}.`);
    if (settings[variable] !== undefined) {
      throw new HedgerowError('INVALID', `${variable} is given twice, as a value and as a file.`);
    }
    const text = isFile ? readValue(name, value) : value;
    if (text !== '') settings[variable] = text;
  }
  for (const variable of AWS_VARIABLES) {
    const value = environment[variable];
    if (value !== undefined && value !== '') settings[variable] = value;
  }
  return settings;
}

function readValue(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new HedgerowError('INVALID', `${name} names the file ${path}, which cannot be read.`, {
      cause: error,
    });
  }
}
