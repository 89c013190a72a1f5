/** What an authenticator app shows, by another way than the program's own check. */

import { createHmac } from 'node:crypto';

/** @param secret base32 with spaces, as it is typed into an app @param at ms since 1970 */
export function codeAt(secret: string, at = Date.now()): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const digest = createHmac('sha1', fromBase32(secret)).update(counter).digest();
  // RFC 4226, section 5.3.
  const offset = (digest.at(-1) ?? 0) & 0xf;
  return String((digest.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, '0');
}

/** A code that is none of those about that time. */
export function wrongCodeAt(secret: string, at = Date.now()): string {
  const near = [-2, -1, 0, 1, 2].map((steps) => codeAt(secret, at + steps * 30_000));
  const wrong = ['000000', '111111', '222222', '333333', '444444', '555555'].find(
    (code) => !near.includes(code),
  );
  return wrong ?? '666666';
}

function fromBase32(text: string): Buffer {
  const bits = [...text.replaceAll(' ', '')]
    .map((sign) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(sign).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
