/** Which addresses this server connects to. It is asked at connect time, about the address that is dialled. */
import { BlockList, isIP } from 'node:net';

/**
 * - `public`: only addresses of the public internet;
 * - `private`: those of private networks too, but not this machine: the address came from the other side, and an
 *   admin of ours has agreed to it;
 * - `loopback`: public ones and this machine: it came from the other side, and our own base is on this machine;
 * - `named`: all of these, because our own admin named the endpoint.
 */
export type AddressPolicy = 'public' | 'private' | 'loopback' | 'named';

export const ADDRESS_POLICIES: readonly AddressPolicy[] = ['public', 'private', 'loopback', 'named'];

/** What of a peer's row says how far its address may lead. */
export interface PeerAddress {
  /** Our own admin named it. */
  endpointOurs: boolean;
  /** It came from the other side, and an admin agreed that it may be a private one. */
  privateAllowed: boolean;
}

/** @param ownBase - our public URL */
export function addressPolicy({ endpointOurs, privateAllowed }: PeerAddress, ownBase: string): AddressPolicy {
  if (endpointOurs) return 'named';
  if (isLoopbackUrl(ownBase)) return privateAllowed ? 'named' : 'loopback';
  return privateAllowed ? 'private' : 'public';
}

type Network = readonly [address: string, prefix: number];
type Family = 'ipv4' | 'ipv6';

function blockList(networks: Readonly<Record<Family, readonly Network[]>>): BlockList {
  const list = new BlockList();
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const [address, prefix] of networks[family]) list.addSubnet(address, prefix, family);
  }
  return list;
}

/** Never, whoever named it: link-local (cloud metadata answers there), unspecified, multicast, reserved. */
const NEVER = blockList({
  ipv4: [
    ['0.0.0.0', 8],
    ['169.254.0.0', 16],
    ['192.0.0.0', 24],
    ['224.0.0.0', 4],
    ['240.0.0.0', 4],
    // Metadata services that are not link-local: Alibaba Cloud's and Azure's.
    ['100.100.100.200', 32],
    ['168.63.129.16', 32],
  ],
  ipv6: [
    ['::', 128],
    ['100::', 64],
    // Teredo (RFC 4380) leads to IPv4 addresses in disguise; nobody serves on one.
    ['2001::', 32],
    ['fe80::', 10],
    ['fec0::', 10],
    ['ff00::', 8],
    // Metadata services of AWS and of Google Cloud.
    ['fd00:ec2::254', 128],
    ['fd20:ce::254', 128],
  ],
});

const LOOPBACK = blockList({ ipv4: [['127.0.0.0', 8]], ipv6: [['::1', 128]] });

const PRIVATE = blockList({
  ipv4: [
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['172.16.0.0', 12],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
  ],
  ipv6: [
    // NAT64 for local use (RFC 8215): which IPv4 address it leads to is its network's own business.
    ['64:ff9b:1::', 48],
    ['2001:db8::', 32],
    ['3fff::', 20],
    ['5f00::', 16],
    ['fc00::', 7],
  ],
});

/** Whether a connection to this address may be opened. */
export function isAddressAllowed(address: string, policy: AddressPolicy): boolean {
  const family = isIP(address);
  // A zone names an interface of ours, which only link-local addresses need.
  if (family === 0 || address.includes('%')) return false;
  if (family === 4) return isAllowed(address, 'ipv4', policy);
  const groups = expand(address);
  if (groups === null) return false;
  return (
    isAllowed(address, 'ipv6', policy) &&
    embeddedIpv4(groups).every((embedded) => isAllowed(embedded, 'ipv4', policy))
  );
}

/** Whether the URL's host is this machine as far as its text says: a loopback address, or `localhost`. */
export function isLoopbackUrl(text: string): boolean {
  const host = hostOf(text);
  if (host === null) return false;
  if (isIP(host) === 0) return isLocalhost(host);
  const groups = isIP(host) === 6 ? expand(host) : null;
  return groups === null
    ? LOOPBACK.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')
    : LOOPBACK.check(host, 'ipv6') || embeddedIpv4(groups).some((ipv4) => LOOPBACK.check(ipv4, 'ipv4'));
}

/** What the text of a URL already says about where it leads; names are judged when they are looked up. */
export function isHostAllowed(url: string, policy: AddressPolicy): boolean {
  const host = hostOf(url);
  if (host === null) return false;
  if (isIP(host) !== 0) return isAddressAllowed(host, policy);
  return !isLocalhost(host) || isAddressAllowed('127.0.0.1', policy);
}

function hostOf(url: string): string | null {
  return URL.parse(url)?.hostname.replace(/^\[|\]$/g, '') ?? null;
}

/** RFC 6761, section 6.3. */
function isLocalhost(host: string): boolean {
  return /(^|\.)localhost\.?$/i.test(host);
}

function isAllowed(address: string, family: Family, policy: AddressPolicy): boolean {
  if (NEVER.check(address, family)) return false;
  if (LOOPBACK.check(address, family)) return policy === 'named' || policy === 'loopback';
  return policy === 'named' || policy === 'private' || !PRIVATE.check(address, family);
}

/**
 * The IPv4 addresses that an IPv6 one may lead to: mapped and compatible (RFC 4291), translated (RFC 2765), NAT64
 * (RFC 6052 and 8215), 6to4 (RFC 3056), ISATAP (RFC 5214). Without this, `::ffff:169.254.169.254` would walk around
 * every check of IPv4.
 */
function embeddedIpv4(groups: readonly number[]): string[] {
  const dotted = (high: number, low: number) => `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  const [g0 = 0, g1 = 0, g2 = 0, g3 = 0, g4 = 0, g5 = 0, g6 = 0, g7 = 0] = groups;
  const last = dotted(g6, g7);
  if (g0 === 0x2002) return [dotted(g1, g2)];
  if (g0 === 0x64 && g1 === 0xff9b) {
    // Under a prefix of 48 bits the address is split around the byte of zeros between bits 64 and 71.
    const split = dotted(g3, ((g4 & 0xff) << 8) | (g5 >> 8));
    return g2 === 1 ? [last, split].filter((ipv4) => ipv4 !== '0.0.0.0') : [last];
  }
  // The interface identifier says ISATAP, under whatever prefix.
  if ((g4 & 0xfdff) === 0 && g5 === 0x5efe) return [last];
  if (g0 !== 0 || g1 !== 0 || g2 !== 0 || g3 !== 0) return [];
  const mapped = g4 === 0 && g5 === 0xffff;
  const translated = g4 === 0xffff && g5 === 0;
  const compatible = g4 === 0 && g5 === 0 && (g6 !== 0 || g7 > 1);
  return mapped || translated || compatible ? [last] : [];
}

function expand(address: string): number[] | null {
  // The URL parser writes every IPv6 address in one canonical form.
  const url = URL.parse(`http://[${address}]/`);
  if (url === null) return null;
  const [head = '', tail] = url.hostname.slice(1, -1).split('::');
  const parse = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const before = parse(head);
  if (tail === undefined) return before;
  const after = parse(tail);
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}
