import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Attempts, createAttempts, networkOf } from './attempts.ts';

const SECOND = 1_000;
let now = 0;
let asked: string[] = [];
let known: (name: string, address: string) => boolean = () => false;
let attempts: Attempts;

beforeEach(() => {
  now = Date.UTC(2026, 4, 1);
  asked = [];
  known = () => false;
  attempts = createAttempts({
    now: () => now,
    known: async (name, address) => {
      asked.push(`${name} ${address}`);
      return known(name, address);
    },
  });
});

/** `let in`, or the seconds that one has to wait. */
async function fail(name: string, address: string): Promise<'let in' | number> {
  return attempts.begin(name, address).then(
    () => 'let in',
    (error) => {
      expect(error).toMatchObject({
        code: 'RATE_LIMITED',
        message: 'Too many attempts to sign in; try again later.',
      });
      return error.retryAfter;
    },
  );
}

async function times(count: number, attempt: (time: number) => Promise<unknown>): Promise<unknown[]> {
  const seen = new Set<unknown>();
  for (let time = 0; time < count; time++) seen.add(await attempt(time));
  return [...seen];
}

describe('guesses', () => {
  test('at one name from one address are five at once, then one in half a minute, and hammering waits no longer', async () => {
    expect(await times(5, () => fail('ada', '192.0.2.1'))).toEqual(['let in']);
    expect(await times(50, () => fail('ada', '192.0.2.1'))).toEqual([30]);
    expect(await fail('bea', '192.0.2.1')).toBe('let in');
    expect(await fail('ada', '192.0.2.2')).toBe('let in');
    now += 30 * SECOND - 1;
    expect(await fail('ada', '192.0.2.1')).toBe(1);
    now += 1;
    expect(await fail('ada', '192.0.2.1')).toBe('let in');
    expect(await fail('ada', '192.0.2.1')).toBe(30);
    // Whether somebody signed in from there before was never of interest.
    expect(asked).toEqual([]);
  });

  test('from one address at many names are thirty at once, then one in ten seconds', async () => {
    expect(await times(30, (time) => fail(`name ${time}`, '192.0.2.1'))).toEqual(['let in']);
    expect(await times(50, () => fail('ada', '192.0.2.1'))).toEqual([10]);
    expect(await fail('ada', '192.0.2.2')).toBe('let in');
    now += 10 * SECOND;
    // What was refused is held against nobody.
    expect(await fail('ada', '192.0.2.1')).toBe('let in');
    expect(await fail('ada', '192.0.2.1')).toBe(10);
  });

  test('at one name from many addresses are fifty at once, then one a minute', async () => {
    expect(await times(50, (time) => fail('ada', `192.0.2.${time}`))).toEqual(['let in']);
    expect(await times(50, (time) => fail('ada', `198.51.100.${time}`))).toEqual([60]);
    expect(await fail('bea', '198.51.100.1')).toBe('let in');
    now += 60 * SECOND;
    expect(await fail('ada', '198.51.100.1')).toBe('let in');
  });

  test('wait for whichever takes longer', async () => {
    await times(50, (time) => fail('ada', `192.0.2.${time}`));
    await times(30, (time) => fail(`name ${time}`, '198.51.100.1'));
    expect(await fail('ada', '198.51.100.1')).toBe(60);
  });
});

describe('whoever is known to sign in from an address', () => {
  test('is not kept out by guesses from elsewhere, nor by others of the house', async () => {
    known = (name, address) => name === 'ada' && address === '192.0.2.1';
    await times(50, (time) => fail('ada', `198.51.100.${time}`));
    expect(await fail('ada', '203.0.113.1')).toBe(60);
    expect(await fail('ada', '192.0.2.1')).toBe('let in');
    expect(asked).toEqual(['ada 203.0.113.1', 'ada 192.0.2.1']);
    await times(30, (time) => fail(`name ${time}`, '192.0.2.1'));
    expect(await fail('bea', '192.0.2.1')).toBe(10);
    expect(await fail('ada', '192.0.2.1')).toBe('let in');
    // But guesses right there run out for everybody.
    await times(3, () => fail('ada', '192.0.2.1'));
    expect(await fail('ada', '192.0.2.1')).toBe(30);
  });

  test('is remembered after signing in, for that address and that name alone', async () => {
    (await attempts.begin('ada', '192.0.2.1')).succeeded();
    await times(50, (time) => fail('ada', `198.51.100.${time}`));
    expect(await fail('ada', '192.0.2.1')).toBe('let in');
    expect(asked).toEqual([]);
    expect(await fail('ada', '192.0.2.2')).toBe(60);
  });

  test('is nobody, where nobody can be asked', async () => {
    attempts = createAttempts({ now: () => now });
    await times(50, (time) => fail('ada', `198.51.100.${time}`));
    expect(await fail('ada', '192.0.2.1')).toBe(60);
  });
});

describe('an attempt', () => {
  test('that succeeds is no guess, and forgives those before it', async () => {
    for (let time = 0; time < 100; time++) {
      (await attempts.begin('ada', '192.0.2.1')).succeeded();
    }
    await times(4, () => fail('ada', '192.0.2.1'));
    (await attempts.begin('ada', '192.0.2.1')).succeeded();
    expect(await times(5, () => fail('ada', '192.0.2.1'))).toEqual(['let in']);
    expect(await fail('ada', '192.0.2.1')).toBe(30);
    // Neither the address nor the name has anything of it on its account but the nine guesses.
    expect(await times(21, (time) => fail(`name ${time}`, '192.0.2.1'))).toEqual(['let in']);
    expect(await fail('bea', '192.0.2.1')).toBe(10);
    expect(await times(41, (time) => fail('ada', `198.51.100.${time}`))).toEqual(['let in']);
    expect(await fail('ada', '203.0.113.1')).toBe(60);
  });

  test('that is withdrawn counts nowhere, forgives nothing, and makes nobody known', async () => {
    for (let time = 0; time < 100; time++) {
      (await attempts.begin('ada', '192.0.2.1')).withdrawn();
    }
    expect(await times(4, () => fail('ada', '192.0.2.1'))).toEqual(['let in']);
    (await attempts.begin('ada', '192.0.2.1')).withdrawn();
    expect(await fail('ada', '192.0.2.1')).toBe('let in');
    expect(await fail('ada', '192.0.2.1')).toBe(30);
    expect(await times(25, (time) => fail(`name ${time}`, '192.0.2.1'))).toEqual(['let in']);
    expect(await fail('bea', '192.0.2.1')).toBe(10);
    expect(await times(45, (time) => fail('ada', `198.51.100.${time}`))).toEqual(['let in']);
    now += 30 * SECOND;
    expect(await fail('ada', '192.0.2.1')).toBe(30);
  });
});

describe('the network of an address', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::', '2001:db8:0:0::/64'],
    ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
    ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    // What is no address stands for itself.
    ['::ffff:999.0.2.1', '::ffff:999.0.2.1'],
    ['x::ffff:192.0.2.1', 'x::ffff:192.0.2.1'],
    ['::ffff:192.0.2.1x', '::ffff:192.0.2.1x'],
    ['unknown', 'unknown'],
    ['', ''],
  ])('%s is in %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  test('is the same however the lower half and the spelling differ, and another where the upper half differs', () => {
    const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
    const plain = (all: number[]) => all.map((group) => group.toString(16)).join(':');
    fc.assert(
      fc.property(groups, groups, (one, two) => {
        const network = networkOf(plain(one));
        expect(networkOf(plain([...one.slice(0, 4), ...two.slice(4)]).toUpperCase())).toBe(network);
        expect(networkOf(new URL(`http://[${plain(one)}]`).hostname.slice(1, -1))).toBe(network);
        const same = plain(one.slice(0, 4)) === plain(two.slice(0, 4));
        expect(networkOf(plain(two)) === network).toBe(same);
      }),
      { numRuns: 100, seed: 64 },
    );
  });
});
