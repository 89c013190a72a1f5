import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { unwrapKey, wrapKey } from './wrapped-key.ts';

const PASSPHRASE = 'correct horse battery staple';
const WRONG = 'The passphrase is wrong, or the file is damaged.';

describe('a wrapped master key', () => {
  it('opens with its passphrase and no other, and says nothing of the key', async () => {
    const key = randomBytes(32);
    const text = await wrapKey(key, PASSPHRASE);
    expect(text).toMatch(
      /^hedgerow-master-key 1\nkdf scrypt N=131072 r=8 p=1\nsalt \S{22}\nnonce \S{16}\nkey \S{64}\n$/,
    );
    expect(await unwrapKey(text, PASSPHRASE)).toEqual(key);
    await expect(unwrapKey(text, `${PASSPHRASE} `)).rejects.toThrow(WRONG);
    for (const form of ['hex', 'base64', 'base64url'] as const)
      expect(text).not.toContain(key.toString(form));
    expect(await wrapKey(key, PASSPHRASE)).not.toBe(text);
  });

  it('opens after a mail program, and however an accent was typed', async () => {
    const key = randomBytes(32);
    const text = await wrapKey(key, 'é'.repeat(12));
    const mailed = `> Keep this well:\r\n\r\n  ${text.replaceAll('\n', '\r\n  \r\n')}\r\n-- \r\n`;
    expect(await unwrapKey(mailed, 'e\u0301'.repeat(12))).toEqual(key);
  });

  it('is refused where any line was changed, is missing, or is of a version that nobody knows', async () => {
    const text = await wrapKey(randomBytes(32), PASSPHRASE);
    const lines = text.trimEnd().split('\n');
    const swap = (line: string) => line.slice(0, -2) + (line.at(-2) === 'A' ? 'E' : 'A') + line.slice(-1);
    for (const index of [2, 3, 4]) {
      const changed = lines.map((line, at) => (at === index ? swap(line) : line)).join('\n');
      await expect(unwrapKey(changed, PASSPHRASE), lines[index]).rejects.toThrow(/damaged/);
      const missing = lines.filter((_, at) => at !== index).join('\n');
      await expect(unwrapKey(missing, PASSPHRASE)).rejects.toThrow(/damaged/);
    }
    await expect(unwrapKey(text.replace('master-key 1', 'master-key 2'), PASSPHRASE)).rejects.toThrow(
      /newer/,
    );
    // Weaker parameters, which a forger would like, and those that would take all memory.
    for (const n of ['N=2', 'N=1073741824']) {
      await expect(unwrapKey(text.replace('N=131072', n), PASSPHRASE)).rejects.toThrow(/newer/);
    }
    for (const other of ['', 'hello', '{}', randomBytes(32).toString('base64')]) {
      await expect(unwrapKey(other, PASSPHRASE)).rejects.toThrow(/no file/);
    }
  });

  it('takes no passphrase that is guessed at once', async () => {
    for (const passphrase of ['', 'hunter2', 'x'.repeat(11), 'x'.repeat(1_001)]) {
      await expect(wrapKey(randomBytes(32), passphrase)).rejects.toMatchObject({ code: 'INVALID' });
    }
  });
});
