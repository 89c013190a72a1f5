/**
 * The master key as a file that may lie about: wrapped with a passphrase, so that the file alone opens nothing.
 *
 *     hedgerow-master-key 1
 *     kdf scrypt N=131072 r=8 p=1
 *     salt <16 bytes, base64url>
 *     nonce <12 bytes, base64url>
 *     key <32 bytes and the tag of 16, base64url>
 *
 * The passphrase, in Unicode's form NFC and in UTF-8, becomes a key by scrypt (RFC 7914), which takes 128 MiB for each
 * guess. With it AES-256-GCM (NIST SP 800-38D) seals the master key; the lines before `key` are the associated data, so
 * that none of them can be changed. Lines end in a line feed; those before the first one, and blank ones, are for people.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { fromBase64url, toBase64url } from '../lib/base64url.ts';
import { HedgerowError } from '../lib/errors.ts';
import { KEY_BYTES } from './master-key.ts';

/** Characters of the shortest passphrase. */
export const PASSPHRASE_MIN = 12;
const PASSPHRASE_MAX = 1_000;
const HEAD = 'hedgerow-master-key 1';
const KDF = 'kdf scrypt N=131072 r=8 p=1';
const COST = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Characters of the largest file that is looked at. */
export const WRAPPED_MAX = 16 * 1024;

/** @throws HedgerowError INVALID where the passphrase is too short or too long */
export async function wrapKey(key: Uint8Array, passphrase: string): Promise<string> {
  const length = [...passphrase].length;
  if (length < PASSPHRASE_MIN || length > PASSPHRASE_MAX) {
    throw new HedgerowError('INVALID', `A passphrase has ${PASSPHRASE_MIN} to ${PASSPHRASE_MAX} characters.`);
  }
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const before = [HEAD, KDF, `salt ${toBase64url(salt)}`, `nonce ${toBase64url(nonce)}`, ''].join('\n');
  const cipher = createCipheriv('aes-256-gcm', await stretched(passphrase, salt), nonce, {
    authTagLength: TAG_BYTES,
  });
  cipher.setAAD(Buffer.from(before));
  const sealed = Buffer.concat([cipher.update(key), cipher.final(), cipher.getAuthTag()]);
  return `${before}key ${toBase64url(sealed)}\n`;
}

/** @throws HedgerowError INVALID, one sentence: no such file, a version that is not known, or the wrong passphrase */
export async function unwrapKey(text: string, passphrase: string): Promise<Buffer> {
  const lines = text
    .slice(0, WRAPPED_MAX)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const start = lines.findIndex((line) => /^hedgerow-master-key \d+$/.test(line));
  if (start === -1) throw new HedgerowError('INVALID', 'This is no file that `hedgerow key export` made.');
  const [head, kdf, ...rest] = lines.slice(start, start + 5);
  if (head !== HEAD || kdf !== KDF) {
    throw new HedgerowError(
      'INVALID',
      'The file was made by a newer version of Hedgerow; import it with that one.',
    );
  }
  const [salt, nonce, sealed] = (['salt', 'nonce', 'key'] as const).map((name, index) => {
    const [word, value = ''] = rest[index]?.split(' ') ?? [];
    return word === name ? fromBase64url(value) : undefined;
  });
  if (
    salt?.length !== SALT_BYTES ||
    nonce?.length !== NONCE_BYTES ||
    sealed?.length !== KEY_BYTES + TAG_BYTES
  ) {
    throw new HedgerowError('INVALID', 'The file is damaged: a line of it is missing or not whole.');
  }
  const decipher = createDecipheriv('aes-256-gcm', await stretched(passphrase, salt), nonce, {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(
    Buffer.from([HEAD, KDF, `salt ${toBase64url(salt)}`, `nonce ${toBase64url(nonce)}`, ''].join('\n')),
  );
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw new HedgerowError('INVALID', 'The passphrase is wrong, or the file is damaged.');
  }
}

const stretch = promisify(scrypt) as (
  password: string,
  salt: Uint8Array,
  length: number,
  cost: typeof COST,
) => Promise<Buffer>;

function stretched(passphrase: string, salt: Uint8Array): Promise<Buffer> {
  return stretch(passphrase.normalize('NFC'), salt, KEY_BYTES, COST);
}
