import { expect, test } from 'vitest';
import { HedgerowError } from '../lib/errors.ts';
import { createLimits } from './limits.ts';
import { type SessionViewer, scopesOf, type TokenViewer } from './viewer.ts';

let now = 1_000_000;
const create = (requestsPerMinute = 60) => createLimits({ now: () => now, requestsPerMinute });
const person = (id: string, sessionId = 'session_1'): SessionViewer => ({
  via: 'session',
  sessionId,
  user: { id, name: id, role: 'EDITOR' },
  role: 'EDITOR',
  scopes: scopesOf('EDITOR'),
});
const token = (tokenId: string): TokenViewer => ({
  via: 'token',
  tokenId,
  user: person('user_1').user,
  role: 'VIEWER',
  scopes: ['CATALOG_READ'],
});

/** How many are taken before one is refused, and what that one is told. */
async function spend(
  take: () => Promise<void>,
  most = 1000,
): Promise<{ taken: number; refusal: HedgerowError }> {
  for (let taken = 0; taken < most; taken++) {
    try {
      await take();
    } catch (error) {
      return { taken, refusal: error as HedgerowError };
    }
  }
  throw new Error('Nothing was refused.');
}

test('a user has half a minute’s worth at once, is told when to come back, and is let in then', async () => {
  const limits = create();
  const take = () => limits.take('request', person('user_1'), '10.0.0.1');
  const { taken, refusal } = await spend(take);
  expect(taken).toBe(30);
  expect(refusal).toBeInstanceOf(HedgerowError);
  expect([refusal.code, refusal.status, refusal.retryAfter]).toEqual(['RATE_LIMITED', 429, 1]);
  now += 999;
  await expect(take()).rejects.toThrow();
  now += 1;
  await take();
  await expect(take()).rejects.toThrow();
  now += 30_000;
  expect((await spend(take)).taken).toBe(30);
});

test('a longer wait is told in whole seconds, rounded up', async () => {
  const limits = create(1);
  const take = () => limits.take('request', person('user_1'), '10.0.0.1');
  const { taken, refusal } = await spend(take);
  expect([taken, refusal.retryAfter]).toEqual([2, 60]);
  now += 30_001;
  await expect(take()).rejects.toMatchObject({ retryAfter: 30 });
});

test('all browsers of one person share one allowance; others, their tokens and strangers have their own', async () => {
  const limits = create();
  await spend(() => limits.take('request', person('user_1', 'session_1'), '10.0.0.1'));
  await expect(limits.take('request', person('user_1', 'session_2'), '10.9.9.9')).rejects.toThrow();
  await limits.take('request', person('user_2'), '10.0.0.1');
  await limits.take('request', token('token_1'), '10.0.0.1');
  await spend(() => limits.take('request', token('token_1'), '10.0.0.1'));
  await limits.take('request', token('token_2'), '10.0.0.1');
  await limits.take('request', null, '10.0.0.1');
  // Pictures are counted apart, and are more.
  expect((await spend(() => limits.take('bytes', person('user_1'), '10.0.0.1'))).taken).toBe(150);
});

test('whoever is unknown shares the allowance of the address, of IPv6 that of the network', async () => {
  const limits = create();
  const { taken } = await spend(() => limits.take('request', null, '2001:db8::1'));
  expect(taken).toBe(8);
  await expect(limits.take('request', null, '2001:db8::ffff')).rejects.toThrow();
  await limits.take('request', null, '2001:db8:0:1::1');
  await limits.take('request', person('user_1'), '2001:db8::1');
});

test('the tokens of the environment and the terminal have no limit', async () => {
  const limits = create(10);
  for (let i = 0; i < 500; i++) {
    await limits.take('request', token('environment'), '10.0.0.1');
    await limits.take('request', token('service'), '10.0.0.1');
  }
});

test('guesses at tokens run out for the address alone, and refuse no valid token', async () => {
  const limits = create(600);
  const { taken, refusal } = await spend(() => limits.unknownToken('10.0.0.1'));
  expect([taken, refusal.code]).toEqual([15, 'RATE_LIMITED']);
  await limits.unknownToken('10.0.0.2');
  await limits.take('request', token('token_1'), '10.0.0.1');
});

test('nobody is remembered for ever: however many addresses ask, the oldest give way', async () => {
  const limits = create();
  await spend(() => limits.take('request', null, '10.0.0.1'));
  for (let i = 0; i < 10_001; i++) await limits.take('request', null, `address ${i}`);
  await limits.take('request', null, '10.0.0.1');
});
