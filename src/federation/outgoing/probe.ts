/** Name, connection and TLS by themselves, for saying at which of them a peer fails. Requests go another way. */
import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { HedgerowError, systemCode } from '../../lib/errors.ts';
import { type AddressPolicy, isAddressAllowed } from './addresses.ts';
import { networkError } from './exchange.ts';

/** ms for each of connecting and shaking hands. */
const DEADLINE = 10_000;

export interface Endpoint {
  /** Without the brackets of IPv6. */
  host: string;
  port: number;
  tls: boolean;
}

export function endpointOf(base: string): Endpoint {
  const { hostname, port, protocol } = new URL(base);
  const tls = protocol === 'https:';
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (tls ? 443 : 80) : Number(port),
    tls,
  };
}

/**
 * The addresses of the host that this server may dial.
 *
 * @throws HedgerowError PEER_UNREACHABLE where the name is not known; PEER_ADDRESS_FORBIDDEN where none of its
 *   addresses may be dialled
 */
export async function resolveEndpoint({ host }: Endpoint, policy: AddressPolicy): Promise<string[]> {
  const addresses =
    isIP(host) === 0
      ? (await lookup(host, { all: true }).catch(failed)).map(({ address }) => address)
      : [host];
  const allowed = addresses.filter((address) => isAddressAllowed(address, policy));
  if (allowed.length > 0) return allowed;
  throw new HedgerowError(
    'PEER_ADDRESS_FORBIDDEN',
    `${host} is ${addresses.join(', ')}, where this server does not connect to.`,
  );
}

/**
 * Opens a connection to one of the addresses and closes it again.
 *
 * @returns the address that answered
 * @throws HedgerowError PEER_UNREACHABLE, PEER_TIMEOUT
 */
export async function connectEndpoint(addresses: readonly string[], port: number): Promise<string> {
  let last: unknown;
  for (const address of addresses) {
    try {
      (await opened(connect({ host: address, port }), 'connect')).destroy();
      return address;
    } catch (error) {
      last = error;
    }
  }
  throw networkError(last);
}

/**
 * Shakes hands over TLS as a request would, and closes the connection again.
 *
 * @returns the version of TLS, and until when the certificate is valid, ms since 1970
 * @throws HedgerowError PEER_TLS, PEER_UNREACHABLE, PEER_TIMEOUT
 */
export async function shakeHands(
  address: string,
  { host, port }: Endpoint,
): Promise<{ version: string; validUntil: number }> {
  const socket = connectTls({ host: address, port, ...(isIP(host) === 0 && { servername: host }) });
  try {
    await opened(socket, 'secureConnect');
    return {
      version: socket.getProtocol() ?? 'TLS',
      validUntil: Date.parse(socket.getPeerCertificate().valid_to),
    };
  } catch (error) {
    throw networkError(error);
  } finally {
    socket.destroy();
  }
}

function opened<T extends Socket>(socket: T, event: 'connect' | 'secureConnect'): Promise<T> {
  return new Promise((resolve, reject) => {
    socket.setTimeout(DEADLINE, () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
    socket.once('error', reject);
    socket.once(event, () => resolve(socket));
  });
}

function failed(error: unknown): never {
  const code = systemCode(error);
  throw new HedgerowError(
    'PEER_UNREACHABLE',
    code === 'ENOTFOUND'
      ? "The peer's host name is not known."
      : `The peer's host name could not be looked up (${code ?? 'unknown reason'}).`,
    { cause: error },
  );
}
