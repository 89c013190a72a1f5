/** Decides what the settings mean; reads nothing. What is secret is a type of its own, so that this can be printed. */
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DatabaseLocation } from '../database/database.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { Settings, Variable } from './env.ts';

export interface Config {
  host: string;
  /** 0 takes a free one. */
  port: number;
  dataDir: string;
  /** Null: the name that was chosen before, or the machine's. */
  name: string | null;
  defaultName: string;
  /** Without a trailing slash. Null: made from host and port once they are known. */
  publicUrl: string | null;
  trustedProxies: string[];
  allowedOrigins: string[];
  database: DatabaseLocation;
  storage: StorageLocation;
  /** ms between two pulls of a peer. */
  pullInterval: number;
  /** Bytes that the cache of peers' media may take. */
  cacheBytes: number;
  federation: boolean;
  anonymous: boolean;
  /** `trusted`: only the documents of schema/operations are answered. */
  operations: 'any' | 'trusted';
  /** Of one user or token. */
  requestsPerMinute: number;
  uploads: {
    /** Bytes of one file. */
    maxBytes: number;
    /** Bytes of one person's managed originals, unfinished uploads included. */
    quotaBytes: number;
  };
  /** Null: people sign in with a password alone. */
  oidc: OidcConfig | null;
  logLevel: LogLevel;
}

/** Where blobs are: in a folder, or in a bucket of an S3-compatible store. */
export type StorageLocation =
  | { kind: 'disk'; folder: string }
  | {
      kind: 's3';
      bucket: string;
      /** Of all names in the bucket, without slashes at its ends; empty for none. */
      prefix: string;
      region: string;
      /** Null: Amazon's own. */
      endpoint: string | null;
    };

/** Signing in at a provider (OpenID Connect). */
export interface OidcConfig {
  issuer: URL;
  clientId: string;
  /** What people are offered: "Sign in with …". */
  name: string;
  scopes: string[];
  /** Claim that says what somebody may do; a dot goes into an object. */
  rolesClaim: string;
  /** Value of the claim, `*` for anybody, and the role that it gives. */
  roles: { value: string; role: 'ADMIN' | 'EDITOR' | 'VIEWER' }[];
}

export interface Secrets {
  adminToken: string | null;
  /** Null: a public client, which proves itself by PKCE alone. */
  oidcClientSecret: string | null;
  /** Null: the file in the data folder. */
  masterKey: Buffer | null;
  /** Of the S3-compatible store; null where there is none. */
  storageKeys: StorageKeys | null;
}

export interface StorageKeys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string | null;
}

const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const GIB = 1024 ** 3;

/** @throws HedgerowError INVALID, one sentence that names the setting and what it takes. */
export function decideConfig(settings: Settings): { config: Config; secrets: Secrets } {
  const dataDir = resolve(settings.HEDGEROW_DATA_DIR ?? './data');
  const blobs = storage(settings, dataDir);
  return {
    config: {
      host: settings.HEDGEROW_HOST ?? '127.0.0.1',
      port: whole(settings, 'HEDGEROW_PORT', { fallback: 4000, min: 0, max: 65_535 }),
      dataDir,
      name: name(settings.HEDGEROW_NAME),
      defaultName: hostname().slice(0, 100) || 'Hedgerow',
      publicUrl: baseUrl(settings.HEDGEROW_PUBLIC_URL),
      trustedProxies: list(settings.HEDGEROW_TRUSTED_PROXIES).map(network),
      allowedOrigins: list(settings.HEDGEROW_ALLOWED_ORIGINS).map(origin),
      database: database(settings.HEDGEROW_DATABASE_URL, dataDir),
      storage: blobs,
      pullInterval: whole(settings, 'HEDGEROW_PULL_INTERVAL', { fallback: 900, min: 1, max: 604_800 }) * 1000,
      cacheBytes: bytes(settings, 'HEDGEROW_CACHE_BYTES', 10 * GIB),
      federation: choice(settings, 'HEDGEROW_FEDERATION', ['on', 'off'], 'on') === 'on',
      anonymous: choice(settings, 'HEDGEROW_ANONYMOUS', ['off', 'public'], 'off') === 'public',
      operations: choice(settings, 'HEDGEROW_OPERATIONS', ['any', 'trusted'], 'any'),
      requestsPerMinute: whole(settings, 'HEDGEROW_REQUESTS_PER_MINUTE', {
        fallback: 1200,
        min: 10,
        max: 1_000_000,
      }),
      uploads: {
        maxBytes: bytes(settings, 'HEDGEROW_UPLOAD_BYTES', 10 * GIB),
        quotaBytes: bytes(settings, 'HEDGEROW_UPLOAD_QUOTA', 1024 * GIB),
      },
      oidc: oidc(settings),
      logLevel: choice(settings, 'HEDGEROW_LOG_LEVEL', LOG_LEVELS, 'info'),
    },
    secrets: {
      adminToken: adminToken(settings.HEDGEROW_ADMIN_TOKEN),
      oidcClientSecret: settings.HEDGEROW_OIDC_CLIENT_SECRET ?? null,
      masterKey: masterKey(settings.HEDGEROW_MASTER_KEY),
      storageKeys: blobs.kind === 's3' ? storageKeys(settings) : null,
    },
  };
}

function invalid(variable: Variable, what: string): HedgerowError {
  return new HedgerowError('INVALID', `${variable} ${what}.`);
}

function whole(
  settings: Settings,
  variable: Variable,
  { fallback, min, max }: { fallback: number; min: number; max: number },
): number {
  const text = settings[variable];
  if (text === undefined) return fallback;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw invalid(variable, `takes a whole number from ${min} to ${max}`);
  return value;
}

const UNITS: Record<string, number> = { '': 1, K: 1024, M: 1024 ** 2, G: GIB, T: 1024 ** 4 };

function bytes(settings: Settings, variable: Variable, fallback: number): number {
  const text = settings[variable];
  if (text === undefined) return fallback;
  const match = /^(\d{1,12})([KMGT]?)$/i.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]) * (UNITS[(match[2] ?? '').toUpperCase()] ?? 1);
  if (!Number.isSafeInteger(value)) throw invalid(variable, 'takes a number of bytes, such as 500M or 20G');
  return value;
}

function choice<const T extends string>(
  settings: Settings,
  variable: Variable,
  values: readonly T[],
  fallback: T,
): T {
  const text = settings[variable];
  if (text === undefined) return fallback;
  const value = values.find((known) => known === text);
  if (value === undefined) throw invalid(variable, `takes ${values.join(', ')}`);
  return value;
}

function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function name(text: string | undefined): string | null {
  if (text === undefined) return null;
  const value = text.normalize('NFC').trim();
  if (value === '' || Array.from(value).length > 100 || /\p{Cc}/u.test(value)) {
    throw invalid('HEDGEROW_NAME', 'takes 1 to 100 characters on one line');
  }
  return value;
}

function baseUrl(text: string | undefined): string | null {
  if (text === undefined) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  const plain =
    url !== null &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.username === '' &&
    url.password === '' &&
    // An empty query or fragment is none to the parser, but stays in the URL.
    !/[?#]/.test(url.href);
  if (!plain || url.pathname.includes('/federation/v1')) {
    throw invalid(
      'HEDGEROW_PUBLIC_URL',
      'takes an http or https URL without user, query or fragment, and without /federation/v1 in its path',
    );
  }
  return url.href.replace(/\/+$/, '');
}

function origin(text: string): string {
  if (!URL.canParse(text) || new URL(text).origin !== text.replace(/\/$/, '')) {
    throw invalid(
      'HEDGEROW_ALLOWED_ORIGINS',
      `takes origins such as https://photos.example.org; ${text} is none`,
    );
  }
  return new URL(text).origin;
}

function network(text: string): string {
  const [address = '', prefix] = text.split('/');
  const family = isIP(address);
  const valid =
    family !== 0 &&
    (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128)));
  if (!valid) {
    throw invalid(
      'HEDGEROW_TRUSTED_PROXIES',
      `takes addresses or networks such as 10.0.0.0/8; ${text} is none`,
    );
  }
  return text;
}

const OIDC_ONLY_WITH_ISSUER = [
  'HEDGEROW_OIDC_CLIENT_ID',
  'HEDGEROW_OIDC_CLIENT_SECRET',
  'HEDGEROW_OIDC_NAME',
  'HEDGEROW_OIDC_SCOPES',
  'HEDGEROW_OIDC_ROLES_CLAIM',
  'HEDGEROW_OIDC_ROLES',
] as const satisfies readonly Variable[];

function oidc(settings: Settings): OidcConfig | null {
  const issuer = settings.HEDGEROW_OIDC_ISSUER;
  if (issuer === undefined) {
    const alone = OIDC_ONLY_WITH_ISSUER.find((variable) => settings[variable] !== undefined);
    if (alone !== undefined) throw invalid(alone, 'needs HEDGEROW_OIDC_ISSUER beside it');
    return null;
  }
  const url = URL.canParse(issuer) ? new URL(issuer) : null;
  // What the provider says of people goes over this connection; plain HTTP is for a provider on this machine.
  const loopback = url !== null && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && loopback))) {
    throw invalid('HEDGEROW_OIDC_ISSUER', 'takes an https URL');
  }
  const clientId = settings.HEDGEROW_OIDC_CLIENT_ID;
  if (clientId === undefined) throw invalid('HEDGEROW_OIDC_CLIENT_ID', 'is needed with HEDGEROW_OIDC_ISSUER');
  const scopes = (settings.HEDGEROW_OIDC_SCOPES ?? 'openid profile').split(/[\s,]+/).filter(Boolean);
  if (!scopes.includes('openid'))
    throw invalid('HEDGEROW_OIDC_SCOPES', 'takes scopes with openid among them');
  return {
    issuer: url,
    clientId,
    name: settings.HEDGEROW_OIDC_NAME ?? url.host,
    scopes,
    rolesClaim: settings.HEDGEROW_OIDC_ROLES_CLAIM ?? 'roles',
    roles: list(settings.HEDGEROW_OIDC_ROLES ?? 'admin=ADMIN,editor=EDITOR,viewer=VIEWER').map(roleRule),
  };
}

function roleRule(text: string): OidcConfig['roles'][number] {
  const at = text.lastIndexOf('=');
  const role = (['ADMIN', 'EDITOR', 'VIEWER'] as const).find(
    (known) =>
      known ===
      text
        .slice(at + 1)
        .trim()
        .toUpperCase(),
  );
  const value = text.slice(0, Math.max(0, at)).trim();
  if (role === undefined || value === '') {
    throw invalid('HEDGEROW_OIDC_ROLES', 'takes pairs such as staff=EDITOR, *=VIEWER');
  }
  return { value, role };
}

function database(text: string | undefined, dataDir: string): DatabaseLocation {
  if (text === undefined) return { dialect: 'sqlite', path: join(dataDir, 'hedgerow.db') };
  if (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)) return { dialect: 'postgresql', url: text };
  if (text.startsWith('file:')) {
    const path = text.startsWith('file://') ? fileURLToPath(text) : resolve(text.slice('file:'.length));
    return { dialect: 'sqlite', path };
  }
  throw invalid('HEDGEROW_DATABASE_URL', 'takes file:… or postgresql://…');
}

function storage(settings: Settings, dataDir: string): StorageLocation {
  const text = settings.HEDGEROW_STORAGE_URL;
  if (text === undefined) return { kind: 'disk', folder: join(dataDir, 'media') };
  if (text.startsWith('s3:')) return bucket(text, settings.AWS_REGION);
  if (!text.startsWith('file:')) {
    throw invalid('HEDGEROW_STORAGE_URL', 'takes file:… and the path of a folder, or s3://bucket/prefix');
  }
  const folder = text.startsWith('file://') ? fileURLToPath(text) : resolve(text.slice('file:'.length));
  return { kind: 'disk', folder };
}

/** Names of buckets and prefixes that need no escaping anywhere. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const OBJECT_PREFIX = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/|$))*$/;
const REGION = /^[a-z0-9][a-z0-9-]{0,62}$/;

function bucket(text: string, defaultRegion: string | undefined): StorageLocation {
  const url = URL.canParse(text) ? new URL(text) : null;
  const wrong = (what: string): HedgerowError => invalid('HEDGEROW_STORAGE_URL', what);
  const known = ['region', 'endpoint'];
  const wellFormed =
    url !== null &&
    /^s3:\/\//.test(text) &&
    BUCKET.test(url.hostname) &&
    url.port === '' &&
    // The address is printed and logged; keys in it would be too.
    url.username === '' &&
    url.password === '' &&
    url.hash === '' &&
    [...url.searchParams.keys()].every((key, at, all) => known.includes(key) && all.indexOf(key) === at);
  if (!wellFormed) {
    throw wrong(
      'takes s3://bucket/prefix?region=…&endpoint=…, with the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    );
  }
  const prefix = url.pathname.replace(/^\/+/, '').replace(/\/+$/, '');
  if (prefix.length > 200 || !OBJECT_PREFIX.test(prefix)) {
    throw wrong('takes a prefix of letters, digits, points, hyphens and underscores');
  }
  const region = url.searchParams.get('region') ?? defaultRegion ?? 'us-east-1';
  if (!REGION.test(region)) throw wrong('takes a region such as eu-central-1');
  return {
    kind: 's3',
    bucket: url.hostname,
    prefix,
    region,
    endpoint: endpoint(url.searchParams.get('endpoint')),
  };
}

function endpoint(text: string | null): string | null {
  if (text === null) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  const plain =
    url !== null &&
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    url.username === '' &&
    url.password === '' &&
    !/[?#]/.test(url.href);
  if (!plain) throw invalid('HEDGEROW_STORAGE_URL', 'takes an endpoint such as https://s3.example.org');
  return url.href.replace(/\/+$/, '');
}

function storageKeys(settings: Settings): StorageKeys {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = settings;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw invalid(
      'HEDGEROW_STORAGE_URL',
      'names an S3-compatible store, whose keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must hold',
    );
  }
  return { accessKeyId, secretAccessKey, sessionToken: settings.AWS_SESSION_TOKEN ?? null };
}

function adminToken(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (text.length < 32 || text.length > 512 || !/^[\x21-\x7e]+$/.test(text)) {
    throw invalid('HEDGEROW_ADMIN_TOKEN', 'takes 32 to 512 visible ASCII characters without spaces');
  }
  return text;
}

function masterKey(text: string | undefined): Buffer | null {
  if (text === undefined) return null;
  const key = Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64');
  if (key.length !== 32)
    throw invalid('HEDGEROW_MASTER_KEY', 'takes 32 bytes, as 64 hex digits or in base64');
  return key;
}
