import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { quoted } from '../errors.ts';
import { sendError } from './error-response.ts';
import { HttpError } from './http-error.ts';

/**
 * Refuses requests for host names that are not this gateway's, before they are dispatched. Otherwise a web page could let its own
 * name lead to a gateway that only this machine can reach, and read from it as from its own server (DNS rebinding). Checked while
 * the gateway listens on a loopback address, or if `allowedHosts` names any.
 *
 * `/health/` is for probes, which use whatever address the gateway has at the time, and it tells nothing about customers. A
 * request without the header `Host` (HTTP/1.0) is from no browser.
 * @param allowedHosts as in the setting ALLOWED_HOSTS: `.example.com` stands for that name and all below it
 */
export function checkHosts(
  dispatch: RequestListener,
  { server, allowedHosts }: { readonly server: Server; readonly allowedHosts: readonly string[] },
): RequestListener {
  let isChecked = allowedHosts.length > 0;
  // Not by the setting HOST, which may be a name that leads to a loopback address.
  server.once('listening', () => {
    const { address, family } = server.address() as AddressInfo;
    isChecked ||= isLoopback(hostNameIn(family === 'IPv6' ? `[${address}]` : address));
  });
  const isAllowed = (name: string): boolean =>
    isLoopback(name) ||
    allowedHosts.some((known) => name === known || (known.startsWith('.') && `.${name}`.endsWith(known)));
  return (request, response) => {
    const { host } = request.headers;
    if (!isChecked || host === undefined || isAllowed(hostNameIn(host)) || request.url?.startsWith('/health/') === true)
      return dispatch(request, response);
    const message = `Header "host": expected localhost, a loopback address or a name in ALLOWED_HOSTS, got ${quoted(host)}.`;
    return sendError(response, new HttpError(421, message));
  };
}

/** The name or address in a `Host` header as URLs write it, without port and final dot; empty if there is none. */
const hostNameIn = (host: string): string =>
  /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d*)?$/i.test(host)
    ? (URL.parse(`http://${host}`)?.hostname ?? '').replace(/\.$/, '')
    : '';

/** Also of IPv4 addresses mapped to IPv6. Browsers take `localhost` and names below it to this machine without asking DNS. */
const isLoopback = (name: string): boolean =>
  /(?:^|\.)localhost$|^127(?:\.\d+){3}$|^\[::(?:1|ffff:7f[\da-f]{2}:[\da-f]{1,4})\]$/.test(name);
