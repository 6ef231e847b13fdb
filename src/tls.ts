import { readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { resolve } from 'node:path';

/**
 * TLS to MySQL and Redis, configured by URL parameters that have MySQL's names:
 * - `ssl-mode`: REQUIRED encrypts, VERIFY_CA also verifies the certificate against the CAs, VERIFY_IDENTITY its name too
 * - `ssl-ca`: a file of PEM certificates that replaces the CAs that Node.js trusts
 */
export const TLS_PARAMETERS: ReadonlySet<string> = new Set(['ssl-mode', 'ssl-ca']);

const MODES: readonly string[] = ['REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'];

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;

/**
 * What is wrong with a URL's TLS parameters, worded to follow "got ..."; undefined when nothing is.
 * @param isTls whether the URL asks for TLS without parameters, as `rediss://` does
 */
export function tlsProblem(url: URL, isTls = false): string | undefined {
  for (const name of TLS_PARAMETERS)
    if (url.searchParams.getAll(name).length > 1) return `one with "${name}" more than once`;
  const mode = modeOf(url);
  if (mode !== undefined && !MODES.includes(mode)) return `one with an "ssl-mode" that is none of ${MODES.join(', ')}`;
  const file = url.searchParams.get('ssl-ca');
  if (mode === 'VERIFY_CA' && file === null)
    return 'one with ssl-mode=VERIFY_CA and no "ssl-ca" to check certificates against';
  if (file === null) return undefined;
  if (mode === undefined && !isTls) return 'one with "ssl-ca" and no "ssl-mode"';
  const problem = caProblem(file);
  return problem === undefined ? undefined : `one whose "ssl-ca" ${problem}`;
}

/**
 * The message leaves out the file's name: an unencoded character in a password can make the rest of it part of this parameter.
 */
function caProblem(file: string): string | undefined {
  try {
    return certificatesOf(file).length === 0 ? 'is a file without a certificate in PEM form' : undefined;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return /^E[A-Z]+$/.test(code) ? `is a file that cannot be read (${code})` : 'holds a certificate that is damaged';
  }
}

/** @throws Error of the file system, or of OpenSSL for a malformed certificate */
const certificatesOf = (file: string): string[] =>
  (readFileSync(file, 'utf8').match(PEM_CERTIFICATE) ?? []).map((text) => new X509Certificate(text).toString());

/** MySQL's own clients ignore the case, too. */
const modeOf = (url: URL): string | undefined => url.searchParams.get('ssl-mode')?.toUpperCase();

/** Options of `tls.connect`. */
export interface TlsOptions {
  /** The name or address that the certificate must be for. */
  readonly host: string;
  readonly servername?: string;
  readonly ca?: string[];
  readonly rejectUnauthorized: boolean;
  readonly checkServerIdentity?: () => undefined;
}

/**
 * Options of `tls.connect` for a URL; undefined when the URL asks for no TLS.
 * @param url must have passed `tlsProblem`
 * @param isTls whether the URL asks for TLS without parameters, which means VERIFY_IDENTITY
 * @throws Error when the `ssl-ca` file cannot be read
 */
export function tlsOptions(url: URL, isTls = false): TlsOptions | undefined {
  const mode = modeOf(url) ?? (isTls ? 'VERIFY_IDENTITY' : undefined);
  if (mode === undefined) return undefined;
  const file = url.searchParams.get('ssl-ca');
  const host = hostOf(url);
  return {
    host,
    // SNI, by which a proxy picks the server. It allows no IP addresses.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(file === null ? {} : { ca: certificatesOf(file) }),
    // With a CA, the certificate is verified even for REQUIRED, for which MySQL's own clients would ignore the CA.
    rejectUnauthorized: mode !== 'REQUIRED' || file !== null,
    ...(mode === 'VERIFY_IDENTITY' ? {} : { checkServerIdentity: () => undefined }),
  };
}

/** The host of a URL, without the brackets around an IPv6 address. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');

/**
 * A DATABASE_URL for Prisma's command line. Its engine has other names for these parameters, and ignores ours: it would connect
 * without TLS. It has no equivalent of VERIFY_CA, so the host name is verified as well.
 * @throws Error for invalid parameters
 */
export function prismaUrl(href: string): string {
  const url = new URL(href);
  const problem = tlsProblem(url);
  if (problem !== undefined) throw new Error(`DATABASE_URL: got ${problem}`);
  const tls = tlsOptions(url);
  if (tls === undefined) return href;
  const file = url.searchParams.get('ssl-ca');
  const sslaccept = tls.rejectUnauthorized ? 'strict' : 'accept_invalid_certs';
  // Prisma resolves relative paths from the folder of its schema.
  const given = { sslaccept, ...(file === null ? {} : { sslcert: resolve(file) }) };
  url.search = new URLSearchParams(given).toString();
  return url.href;
}
