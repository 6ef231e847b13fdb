import type { Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Caller } from '../access/caller.ts';

/** The first bits of an IPv6 address say which network it is in. Whoever has a network has all of its addresses. */
const NETWORK_BITS = 64;

const networks = new WeakMap<Socket, string>();

/** Where a connection comes from, as far as limits are concerned: an IPv4 address, or the /64 network of an IPv6 address. */
export function networkOf(socket: Socket): string {
  let network = networks.get(socket);
  if (network === undefined) {
    network = networkOfAddress(socket.remoteAddress ?? '');
    networks.set(socket, network);
  }
  return network;
}

/** Exported for tests, which have no addresses of other networks. */
export function networkOfAddress(address: string): string {
  if (!ipaddr.isValid(address)) return '';
  const parsed = ipaddr.process(address);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  const [whole] = parsed.toNormalizedString().split('%', 1);
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${whole}/${NETWORK_BITS}`).toString()}/${NETWORK_BITS}`;
}

/**
 * Whose a request is, as far as limits are concerned: its caller's, wherever that one is, or that of everybody without a name in the
 * same network. Behind a proxy, all have the same network.
 */
export const clientOf = (socket: Socket, { subject }: Pick<Caller, 'subject'>): string =>
  subject === null ? networkOf(socket) : `subject ${subject}`;
