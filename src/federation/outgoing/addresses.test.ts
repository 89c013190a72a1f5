import { describe, expect, it } from 'vitest';
import { isAddressAllowed } from './addresses.ts';

describe('addresses that are dialled', () => {
  it.each([
    '169.254.169.254',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '100.100.100.200',
    '::',
    'fe80::1',
    'ff02::1',
    'fd00:ec2::254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::169.254.169.254',
    '2002:a9fe:a9fe::1',
    '::169.254.169.254',
    'no address',
  ])('never include %s, whoever named it', (address) => {
    expect(isAddressAllowed(address, 'named')).toBe(false);
    expect(isAddressAllowed(address, 'public')).toBe(false);
  });

  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '::1',
    'fd12::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:c0a8:101::1',
  ])('include the private %s only where our own admin named the endpoint', (address) => {
    expect(isAddressAllowed(address, 'named')).toBe(true);
    expect(isAddressAllowed(address, 'public')).toBe(false);
  });

  it.each(['93.184.216.34', '2606:2800:220:1::1', '::ffff:8.8.8.8'])('include the public %s', (address) => {
    expect(isAddressAllowed(address, 'public')).toBe(true);
  });
});
