import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { codeAt } from '../../test/support/one-time-codes.ts';
import {
  newCodeSecret,
  newRecoveryCode,
  readCode,
  recoveryHash,
  secretToType,
  secretUrl,
  stepOf,
} from './one-time-codes.ts';

const STEP = 30_000;

describe('codes by time', () => {
  // RFC 6238, appendix B, of whose eight digits an app shows the last six.
  const secret = Buffer.from('12345678901234567890');
  test.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('at %d s are those of the RFC', (seconds, digits) => {
    expect(stepOf(secret, digits, seconds * 1000)).toBe(Math.floor(seconds / 30));
  });

  test('are good for their own step and the ones beside it, and tell which', () => {
    const own = newCodeSecret();
    const at = 1_750_000_000_000 - (1_750_000_000_000 % STEP);
    const typed = secretToType(own);
    const step = at / STEP;
    for (const [from, found] of [
      [at, step],
      [at + STEP - 1, step],
      [at + STEP, step],
      [at + 2 * STEP - 1, step],
      [at - 1, step],
      [at - STEP, step],
    ] as const)
      expect(stepOf(own, codeAt(typed, at), from)).toBe(found);
    for (const from of [at + 2 * STEP, at - STEP - 1])
      expect(stepOf(own, codeAt(typed, at), from)).not.toBe(step);
  });

  test('of another secret are wrong', () => {
    const secrets = Array.from({ length: 8 }, newCodeSecret);
    expect(new Set(secrets.map((one) => one.toString('hex'))).size).toBe(8);
    const digits = codeAt(secretToType(secrets[0] ?? secret), 0);
    const right = secrets.filter((one) => stepOf(one, digits, 0) !== null);
    expect(right).toHaveLength(1);
  });

  test('come from a secret of 160 bits, which is typed in groups or scanned', () => {
    expect(newCodeSecret()).toHaveLength(20);
    expect(secretToType(secret)).toBe('GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ');
    const url = new URL(secretUrl(secret, { instance: 'Garden: & Ä', name: 'Ada/Lovelace?' }));
    expect(url.protocol).toBe('otpauth:');
    expect(decodeURIComponent(url.pathname)).toBe('/Garden: & Ä:Ada/Lovelace?');
    expect(url.host).toBe('totp');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      issuer: 'Garden: & Ä',
      secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
  });
});

describe('what somebody types', () => {
  test('is a code of the app with or without spaces', () => {
    for (const typed of ['012345', ' 012 345\n', '012-345', '０１２３４５'])
      expect(readCode(typed), typed).toEqual({ kind: 'app', digits: '012345' });
  });

  test('is a recovery code in any case, with or without dashes, and with letters for digits that look alike', () => {
    for (const typed of [
      '01ab-cdef-ghjk-mnpq',
      '01ABCDEFGHJKMNPQ',
      ' oI ab–cdef—ghjk mnpq ',
      'Olab cdef ghjk mnpq',
    ])
      expect(readCode(typed), typed).toEqual({ kind: 'recovery', secret: '01abcdefghjkmnpq' });
    expect(readCode('1234-5678-9012-3456')).toEqual({ kind: 'recovery', secret: '1234567890123456' });
  });

  test('is none where it is anything else', () => {
    for (const typed of [
      '',
      '12345',
      '1234567',
      '12345a',
      'a12345',
      '١٢٣٤٥٦',
      '01ab-cdef-ghjk-mnp',
      '01ab-cdef-ghjk-mnpqr',
      '01ab-cdef-ghjk-mnpu',
      `${' '.repeat(59)}012345`,
      undefined,
      null,
      123456,
      ['012345'],
      { length: 6 },
    ])
      expect(readCode(typed), String(typed)).toBeNull();
    expect(readCode(`${' '.repeat(58)}012345`)).toEqual({ kind: 'app', digits: '012345' });
  });

  test('is read the same again, whatever it is', () => {
    const typed = fc.oneof(
      anyText(70),
      fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 5, maxLength: 7 }),
      fc.string({ unit: fc.constantFrom(...'0oO1iIlLabzZ- –'), minLength: 14, maxLength: 22 }),
      fc.anything(),
    );
    fc.assert(
      fc.property(typed, (text) => {
        const code = readCode(text);
        if (code === null) return;
        expect(typeof text === 'string' && text.length).toBeLessThanOrEqual(64);
        if (code.kind === 'app') expect(code.digits).toMatch(/^[0-9]{6}$/);
        else expect(code.secret).toMatch(/^[0-9a-hjkmnp-tv-z]{16}$/);
        expect(readCode(code.kind === 'app' ? code.digits : code.secret)).toEqual(code);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a recovery code', () => {
  test('is 80 random bits in a form that is read back', () => {
    const codes = Array.from({ length: 500 }, newRecoveryCode);
    expect(new Set(codes).size).toBe(500);
    for (const code of codes) {
      expect(code).toMatch(/^[0-9a-z]{4}(-[0-9a-z]{4}){3}$/);
      expect(readCode(code)).toEqual({ kind: 'recovery', secret: code.replaceAll('-', '') });
    }
    // Each of the 32 signs begins one of them; that one is missed comes about once in 200,000 runs.
    expect(new Set(codes.map((code) => code[0])).size).toBe(32);
    expect(new Set(codes.join('').replaceAll('-', '')).size).toBe(32);
  });

  test('is kept under the key and its person', () => {
    const [key, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const hashes = [
      recoveryHash(key, 'user_1', '01abcdefghjkmnpq'),
      recoveryHash(other, 'user_1', '01abcdefghjkmnpq'),
      recoveryHash(key, 'user_2', '01abcdefghjkmnpq'),
      recoveryHash(key, 'user_1', '01abcdefghjkmnpr'),
    ];
    expect(new Set(hashes).size).toBe(4);
    for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(recoveryHash(key, 'user_1', '01abcdefghjkmnpq')).toBe(hashes[0]);
  });
});
