/** The one way out: every request to another server goes through this dispatcher. */
import { type LookupAddress, type LookupAllOptions, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { HedgerowError } from '../../lib/errors.ts';
import { ADDRESS_POLICIES, type AddressPolicy, isAddressAllowed } from './addresses.ts';

/** ms; the whole of an exchange has a deadline of its own besides. */
const CONNECT_TIMEOUT = 10_000;
const HEADERS_TIMEOUT = 20_000;
/** ms between two pieces of a body. */
const BODY_TIMEOUT = 30_000;
const HEADER_BYTES = 16 * 1024;
/** To one origin at once. A stream takes one while it runs. */
const CONNECTIONS = 16;
/** ms between two pieces of what lasts: two signs of life may be missed. */
const LASTING_TIMEOUT = 50_000;

export interface Outgoing extends AsyncDisposable {
  dispatcher(policy: AddressPolicy): Dispatcher;
  /**
   * For streams that last for hours, one a peer: on connections of their own, so that many peers behind one address do
   * not take away each other's for all the rest.
   */
  lasting(policy: AddressPolicy): Dispatcher;
}

/**
 * undici follows no redirect by itself, and nothing here asks it to.
 *
 * @param resolve - DNS; a test answers in its place
 */
export function createOutgoing(resolve: Resolve = lookup): Outgoing {
  const agents = (options: Agent.Options) =>
    new Map(ADDRESS_POLICIES.map((policy) => [policy, guardedAgent(policy, resolve, options)]));
  const brief = agents({ connections: CONNECTIONS, bodyTimeout: BODY_TIMEOUT });
  const lasting = agents({ connections: null, bodyTimeout: LASTING_TIMEOUT });
  const of = (kind: Map<AddressPolicy, Agent>, policy: AddressPolicy): Agent => {
    const agent = kind.get(policy);
    if (agent === undefined) throw new Error(`There is no such policy: ${policy}`);
    return agent;
  };
  return {
    dispatcher: (policy) => of(brief, policy),
    lasting: (policy) => of(lasting, policy),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...brief.values(), ...lasting.values()].map((agent) => agent.destroy()));
    },
  };
}

/** `dns.lookup` for all addresses of a name. */
export type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

function guardedAgent(policy: AddressPolicy, resolve: Resolve, options: Agent.Options): Agent {
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT, lookup: guardedLookup(policy, resolve) });
  return new Agent({
    ...options,
    pipelining: 1,
    headersTimeout: HEADERS_TIMEOUT,
    maxHeaderSize: HEADER_BYTES,
    // An address in the URL itself is never looked up, so it is judged here.
    connect: (options, callback) => {
      const host = options.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) !== 0 && !isAddressAllowed(host, policy)) callback(forbidden(host), null);
      else connect(options, callback);
    },
  });
}

/** Resolves and judges in one: what is returned is what is dialled, so no second answer of DNS can differ. */
function guardedLookup(policy: AddressPolicy, resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, '', 0);
        return;
      }
      const allowed = addresses.filter(({ address }) => isAddressAllowed(address, policy));
      const [first] = allowed;
      if (first === undefined) callback(forbidden(hostname), '', 0);
      else if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

function forbidden(host: string): HedgerowError {
  return new HedgerowError(
    'PEER_ADDRESS_FORBIDDEN',
    `This server does not connect to ${host}. Where it is a server of yours on a private network, name its endpoint yourself.`,
  );
}
