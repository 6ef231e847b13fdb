import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { quoted } from '../errors.ts';
import { HttpError } from './http-error.ts';

/** RFC 9110, 7.2, and RFC 3986, 3.2: a name, which may be empty, or an address in brackets, and perhaps a port. */
const HOST = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\da-f:.]+\])(?::\d*)?$/i;

/** The refusal of a request for its header `Host`; undefined if it may be dispatched. */
export type HostCheck = (request: IncomingMessage) => HttpError | undefined;

/**
 * Creates a check that requests have one `Host` that is well-formed, and that it is one of this gateway's names. Otherwise a web
 * page could let its own name lead to a gateway that only this machine can reach, and read from it as from its own server (DNS
 * rebinding). Names are checked while the gateway listens on a loopback address, or if `allowedHosts` names any.
 *
 * Any name is accepted for `/health/`: probes use whatever address the gateway has at the time, and it tells nothing about
 * customers. A request of HTTP/1.0, without the header, is from no browser.
 * @param allowedHosts as in the setting ALLOWED_HOSTS: `.example.com` stands for that name and all below it
 */
export function createHostCheck(server: Server, allowedHosts: readonly string[]): HostCheck {
  let isChecked = allowedHosts.length > 0;
  // Not by the setting HOST, which may be a name that leads to a loopback address.
  server.once('listening', () => {
    const { address, family } = server.address() as AddressInfo;
    isChecked ||= isLoopback(hostNameIn(family === 'IPv6' ? `[${address}]` : address));
  });
  const isAllowed = (name: string): boolean =>
    isLoopback(name) ||
    allowedHosts.some((known) => name === known || (known.startsWith('.') && `.${name}`.endsWith(known)));
  // Nearly all requests name the same one.
  let lastAllowed: string | undefined;
  return (request) => {
    const hosts = hostsOf(request);
    if (hosts > 1 || (hosts === 0 && request.httpVersion !== '1.0'))
      return new HttpError(400, `Expected one header "host", got ${hosts === 0 ? 'none' : hosts}.`);
    const { host } = request.headers;
    if (host !== undefined && host === lastAllowed) return undefined;
    if (host !== undefined && !HOST.test(host))
      return new HttpError(400, `Header "host": expected a name or address, perhaps with a port, got ${quoted(host)}.`);
    if (!isChecked || host === undefined || isAllowed(hostNameIn(host))) {
      lastAllowed = host;
      return undefined;
    }
    if (request.url?.startsWith('/health/') === true) return undefined;
    const message = `Header "host": expected localhost, a loopback address or a name in ALLOWED_HOSTS, got ${quoted(host)}.`;
    return new HttpError(421, message);
  };
}

/** How many `Host` headers a request has. Node keeps only the first one, and a proxy might route by the last. */
function hostsOf({ rawHeaders }: IncomingMessage): number {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.length === 4 && rawHeaders[i]?.toLowerCase() === 'host') hosts += 1;
  return hosts;
}

/** The name or address in a `Host` header as URLs write it, without port and final dot; empty if there is none. */
const hostNameIn = (host: string): string =>
  /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d*)?$/i.test(host)
    ? (URL.parse(`http://${host}`)?.hostname ?? '').replace(/\.$/, '')
    : '';

/** Also of IPv4 addresses mapped to IPv6. Browsers take `localhost` and names below it to this machine without asking DNS. */
const isLoopback = (name: string): boolean =>
  /(?:^|\.)localhost$|^127(?:\.\d+){3}$|^\[::(?:1|ffff:7f[\da-f]{2}:[\da-f]{1,4})\]$/.test(name);
