/** Which addresses this server connects to. It is asked at connect time, about the address that is dialled. */
import { BlockList, isIP } from 'node:net';

/**
 * - `public`: only addresses of the public internet;
 * - `named`: private and loopback ones too, because our own admin named the endpoint.
 */
export type AddressPolicy = 'public' | 'named';

/** Never, whoever named it: link-local (cloud metadata answers there), unspecified, multicast, reserved. */
const NEVER = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['192.0.0.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  NEVER.addSubnet(network, prefix, 'ipv4');
}
// Metadata services that are not link-local: Alibaba Cloud's, and AWS over IPv6.
NEVER.addAddress('100.100.100.200', 'ipv4');
NEVER.addAddress('fd00:ec2::254', 'ipv6');
NEVER.addAddress('::', 'ipv6');
NEVER.addSubnet('fe80::', 10, 'ipv6');
NEVER.addSubnet('fec0::', 10, 'ipv6');
NEVER.addSubnet('ff00::', 8, 'ipv6');

const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv4');
}
PRIVATE.addAddress('::1', 'ipv6');
PRIVATE.addSubnet('fc00::', 7, 'ipv6');
PRIVATE.addSubnet('2001:db8::', 32, 'ipv6');

/** Whether a connection to this address may be opened. */
export function isAddressAllowed(address: string, policy: AddressPolicy): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const embedded = family === 6 ? embeddedIpv4(address) : address;
  if (embedded !== null) {
    return !NEVER.check(embedded, 'ipv4') && (policy === 'named' || !PRIVATE.check(embedded, 'ipv4'));
  }
  return !NEVER.check(address, 'ipv6') && (policy === 'named' || !PRIVATE.check(address, 'ipv6'));
}

/**
 * The IPv4 address that an IPv6 one leads to: IPv4-mapped and -compatible (RFC 4291), NAT64 (RFC 6052),
 * 6to4 (RFC 3056). Without this, `::ffff:169.254.169.254` would walk around every check of IPv4.
 */
function embeddedIpv4(address: string): string | null {
  const groups = expand(address);
  if (groups === null) return null;
  const dotted = (high: number, low: number) => `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  const [g0 = 0, g1 = 0, g2 = 0, g3 = 0, g4 = 0, g5 = 0, g6 = 0, g7 = 0] = groups;
  if (g0 === 0x2002) return dotted(g1, g2);
  if (g0 === 0x64 && g1 === 0xff9b) return dotted(g6, g7);
  const zeroes = g0 === 0 && g1 === 0 && g2 === 0 && g3 === 0 && g4 === 0;
  if (zeroes && g5 === 0xffff) return dotted(g6, g7);
  if (zeroes && g5 === 0 && (g6 !== 0 || g7 > 1)) return dotted(g6, g7);
  return null;
}

function expand(address: string): number[] | null {
  // The URL parser writes every IPv6 address in one canonical form.
  const [plain = ''] = address.split('%');
  const url = URL.parse(`http://[${plain}]/`);
  if (url === null) return null;
  const [head = '', tail] = url.hostname.slice(1, -1).split('::');
  const parse = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const before = parse(head);
  if (tail === undefined) return before;
  const after = parse(tail);
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}
