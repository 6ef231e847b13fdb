import { readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { resolve } from 'node:path';

/**
 * TLS to MySQL and Redis, asked for by parameters of their URLs that have MySQL's own names:
 * - `ssl-mode`: REQUIRED encrypts, VERIFY_CA also holds the certificate to the CAs, VERIFY_IDENTITY also to the host's name
 * - `ssl-ca`: a file of PEM certificates, in place of the CAs that Node.js trusts
 */
export const TLS_PARAMETERS: ReadonlySet<string> = new Set(['ssl-mode', 'ssl-ca']);

const MODES = ['REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const;
type Mode = (typeof MODES)[number];

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;

/**
 * What cannot be done of a URL's parameters for TLS, as in "got ..."; undefined: all of it can.
 * @param isTls whether the URL asks for TLS without them, as `rediss://` does
 */
export function tlsProblem(url: URL, isTls = false): string | undefined {
  for (const name of TLS_PARAMETERS)
    if (url.searchParams.getAll(name).length > 1) return `one with "${name}" more than once`;
  const mode = modeOf(url);
  if (mode !== undefined && !isMode(mode)) return `one with an "ssl-mode" that is none of ${MODES.join(', ')}`;
  const file = url.searchParams.get('ssl-ca');
  if (mode === 'VERIFY_CA' && file === null)
    return 'one with ssl-mode=VERIFY_CA and no "ssl-ca" to hold certificates to';
  if (file === null) return undefined;
  if (mode === undefined && !isTls) return 'one with "ssl-ca" and no "ssl-mode"';
  const problem = caProblem(file);
  return problem === undefined ? undefined : `one whose "ssl-ca" ${problem}`;
}

/** The file is not named: a sign in a password that should be encoded can make the rest of it look like one. */
function caProblem(file: string): string | undefined {
  try {
    return certificatesOf(file).length === 0 ? 'is a file without a certificate in PEM form' : undefined;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return /^E[A-Z]+$/.test(code) ? `is a file that cannot be read (${code})` : 'holds a certificate that is damaged';
  }
}

/** @throws Error of the file system; Error of OpenSSL for a certificate that is none */
const certificatesOf = (file: string): string[] =>
  (readFileSync(file, 'utf8').match(PEM_CERTIFICATE) ?? []).map((text) => new X509Certificate(text).toString());

/** In any case, as MySQL's own clients take it. */
const modeOf = (url: URL): string | undefined => url.searchParams.get('ssl-mode')?.toUpperCase();

const isMode = (text: string): text is Mode => MODES.some((mode) => mode === text);

/** Options of `tls.connect`. */
export interface TlsOptions {
  /** What the certificate must be for. */
  readonly host: string;
  readonly servername?: string;
  readonly ca?: string[];
  readonly rejectUnauthorized: boolean;
  readonly checkServerIdentity?: () => undefined;
}

/**
 * What `tls.connect` needs for a URL; undefined: it asks for no TLS.
 * @param url one that has no `tlsProblem`
 * @param isTls whether the URL asks for TLS without parameters; that is VERIFY_IDENTITY
 * @throws Error when the file of `ssl-ca` cannot be read
 */
export function tlsOptions(url: URL, isTls = false): TlsOptions | undefined {
  const mode = modeOf(url) ?? (isTls ? 'VERIFY_IDENTITY' : undefined);
  if (mode === undefined) return undefined;
  const file = url.searchParams.get('ssl-ca');
  const host = hostOf(url);
  return {
    host,
    // The name that a proxy before many servers goes by. There is no such thing for addresses.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(file === null ? {} : { ca: certificatesOf(file) }),
    // Whoever names CAs wants certificates held to them, also with REQUIRED, where MySQL's own clients pass over them.
    rejectUnauthorized: mode !== 'REQUIRED' || file !== null,
    ...(mode === 'VERIFY_IDENTITY' ? {} : { checkServerIdentity: () => undefined }),
  };
}

/** The host of a URL. IPv6 addresses come in brackets. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');

/**
 * A DATABASE_URL for the command line of Prisma, whose engine has other names for these parameters, passes over those that it
 * does not know, and would then go on without TLS. It has no VERIFY_CA: the host's name is held to the certificate as well.
 * @throws Error for parameters that cannot be done
 */
export function prismaUrl(href: string): string {
  const url = new URL(href);
  const problem = tlsProblem(url);
  if (problem !== undefined) throw new Error(`DATABASE_URL: got ${problem}`);
  const tls = tlsOptions(url);
  if (tls === undefined) return href;
  const file = url.searchParams.get('ssl-ca');
  const sslaccept = tls.rejectUnauthorized ? 'strict' : 'accept_invalid_certs';
  // Prisma's own relative paths begin at its schema.
  const given = { sslaccept, ...(file === null ? {} : { sslcert: resolve(file) }) };
  url.search = new URLSearchParams(given).toString();
  return url.href;
}
