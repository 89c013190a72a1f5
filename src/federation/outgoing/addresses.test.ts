import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ADDRESS_POLICIES,
  type AddressPolicy,
  addressPolicy,
  isAddressAllowed,
  isHostAllowed,
  isLoopbackUrl,
} from './addresses.ts';

const allowedBy = (address: string) => ADDRESS_POLICIES.filter((policy) => isAddressAllowed(address, policy));

describe('addresses that are dialled', () => {
  it.each([
    '169.254.169.254',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'fe80::1%1',
    'ff02::1',
    'fd00:ec2::254',
    'fd20:ce::254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '::ffff:0:a9fe:a9fe',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    '64:ff9b::169.254.169.254',
    '64:ff9b:1::169.254.169.254',
    '64:ff9b:1:a9fe:a9:fe00::',
    '2002:a9fe:a9fe::1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2001::',
    'fe80::5efe:192.168.1.1',
    '2606:2800:220:1:0:5efe:169.254.169.254',
    '2606:2800:220:1:200:5efe:a9fe:a9fe',
    'fd12::200:5efe:169.254.169.254',
    '::169.254.169.254',
    '::ffff:8.8.8.8%eth0',
    'no address',
    '',
    '0x7f.1',
    '017700000001',
    '2130706433',
    '127.0.0.1.',
    'localhost',
  ])('never include %s, whoever named it', (address) => {
    expect(allowedBy(address)).toEqual([]);
  });

  it.each([
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.0.1',
    'fd12::1',
    '::ffff:10.0.0.1',
    '::ffff:0:10.0.0.1',
    '64:ff9b::a00:1',
    '64:ff9b:1::8.8.8.8',
    '2002:c0a8:101::1',
    '2606:2800:220:1:0:5efe:10.0.0.1',
    '::192.168.0.1',
  ])('include the private %s only where an admin of ours named or allowed it', (address) => {
    expect(allowedBy(address)).toEqual(['private', 'named']);
  });

  it.each([
    '127.0.0.1',
    '127.255.255.254',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2606:2800:220:1:0:5efe:127.0.0.1',
  ])('include the loopback %s only where it was named, or ours is loopback too', (address) => {
    expect(allowedBy(address)).toEqual(['loopback', 'named']);
  });

  it.each(['93.184.216.34', '2606:2800:220:1::1', '::ffff:8.8.8.8', '64:ff9b::808:808', '2002:808:808::1'])(
    'include the public %s',
    (address) => {
      expect(allowedBy(address)).toEqual(ADDRESS_POLICIES);
    },
  );

  it('are judged alike as IPv4 and in every disguise of it', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.constantFrom<AddressPolicy>(...ADDRESS_POLICIES), (ipv4, policy) => {
        const plain = isAddressAllowed(ipv4, policy);
        const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number);
        const groups = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        for (const disguise of [
          `::ffff:${ipv4}`,
          `::ffff:${groups}`,
          `::ffff:0:${ipv4}`,
          `64:ff9b::${groups}`,
          `2002:${groups}::1`,
          `2606:2800:220:1:0:5efe:${groups}`,
          `2606:2800:220:1:200:5efe:${groups}`,
        ]) {
          expect([disguise, isAddressAllowed(disguise, policy)]).toEqual([disguise, plain]);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('what of an address the text of a URL says', () => {
  it.each([
    'http://127.0.0.1:4000',
    'http://127.1',
    'http://0x7f000001',
    'http://0177.0.0.1',
    'http://2130706433/',
    'http://127.0.0.1./',
    'http://[::1]:4000/prefix',
    'http://[::ffff:127.0.0.1]',
    'http://localhost',
    'http://LOCALHOST.:4000',
    'http://instance.localhost',
  ])('%s is this machine', (url) => {
    expect(isLoopbackUrl(url)).toBe(true);
    expect(isHostAllowed(url, 'loopback')).toBe(true);
    expect(isHostAllowed(url, 'private')).toBe(false);
    expect(isHostAllowed(url, 'public')).toBe(false);
  });

  it.each([
    'http://0xa9fea9fe',
    'http://2852039166',
    'http://169.254.169.254.',
    'http://[fe80::1]',
    'nonsense',
  ])('%s leads nowhere', (url) => {
    expect(ADDRESS_POLICIES.some((policy) => isHostAllowed(url, policy))).toBe(false);
  });

  it.each(['https://archive.example', 'http://localhost.example', 'http://10.0.0.1', 'nonsense'])(
    '%s is another machine',
    (url) => {
      expect(isLoopbackUrl(url)).toBe(false);
    },
  );

  it('names are judged when they are looked up', () => {
    expect(isHostAllowed('https://archive.example', 'public')).toBe(true);
  });
});

describe('how far the address of a peer may lead', () => {
  const LOCAL = 'http://127.0.0.1:4000';
  const PUBLIC = 'https://archive.example';
  it.each<[boolean, boolean, string, AddressPolicy]>([
    [true, false, PUBLIC, 'named'],
    [true, false, LOCAL, 'named'],
    [false, false, PUBLIC, 'public'],
    [false, true, PUBLIC, 'private'],
    [false, false, LOCAL, 'loopback'],
    [false, true, LOCAL, 'named'],
  ])('named by us: %s; allowed: %s; we are at %s: %s', (endpointOurs, privateAllowed, own, expected) => {
    expect(addressPolicy({ endpointOurs, privateAllowed }, own)).toBe(expected);
  });
});
