import { createHash } from 'node:crypto';

/** Of both sums. */
export const CHECKSUM_MODULUS = 2 ** 32;

/** A sum over (id, version) pairs that does not depend on their order; see docs/federation.md, "Checksum". */
export interface Checksum {
  first: number;
  second: number;
}

export const EMPTY_CHECKSUM: Checksum = { first: 0, second: 0 };

/** What one item contributes: the first and second 32 bits, big-endian, of SHA-256 over `id LF version`. */
export function checksumTerm(id: string, version: string): Checksum {
  const digest = createHash('sha256').update(`${id}\n${version}`).digest();
  return { first: digest.readUInt32BE(0), second: digest.readUInt32BE(4) };
}

export function addChecksum(sum: Checksum, term: Checksum): Checksum {
  return {
    first: (sum.first + term.first) % CHECKSUM_MODULUS,
    second: (sum.second + term.second) % CHECKSUM_MODULUS,
  };
}

export function subtractChecksum(sum: Checksum, term: Checksum): Checksum {
  return {
    first: (sum.first - term.first + CHECKSUM_MODULUS) % CHECKSUM_MODULUS,
    second: (sum.second - term.second + CHECKSUM_MODULUS) % CHECKSUM_MODULUS,
  };
}

/** 16 lower-case hex digits, the first sum first. */
export function formatChecksum(sum: Checksum): string {
  return sum.first.toString(16).padStart(8, '0') + sum.second.toString(16).padStart(8, '0');
}
