import { fileURLToPath } from 'node:url';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
/** A file with a certificate. */
export const CA = fixture('ca.pem');

/** TLS parameters that are wrong in any URL, with their messages. */
export const WRONG_TLS: readonly (readonly [string, string])[] = [
  ...['', 'PREFERRED', 'DISABLED', 'secret', 'REQUIRED '].map(
    (mode) =>
      [
        `ssl-mode=${encodeURIComponent(mode)}`,
        'one with an "ssl-mode" that is none of REQUIRED, VERIFY_CA, VERIFY_IDENTITY',
      ] as const,
  ),
  ['ssl-mode=REQUIRED&ssl-mode=VERIFY_CA', 'one with "ssl-mode" more than once'],
  [`ssl-mode=REQUIRED&ssl-ca=${CA}&ssl-ca=${CA}`, 'one with "ssl-ca" more than once'],
  ['ssl-mode=VERIFY_CA', 'one with ssl-mode=VERIFY_CA and no "ssl-ca" to check certificates against'],
  ...(
    [
      ['', 'is a file that cannot be read (ENOENT)'],
      ['/nowhere/secret.pem', 'is a file that cannot be read (ENOENT)'],
      ['/tmp', 'is a file that cannot be read (EISDIR)'],
      [import.meta.filename, 'is a file without a certificate in PEM form'],
      [fixture('damaged.pem'), 'holds a certificate that is damaged'],
    ] as const
  ).map(([file, said]) => [`ssl-mode=VERIFY_CA&ssl-ca=${file}`, `one whose "ssl-ca" ${said}`] as const),
];

const NO_HOST = 'one whose host is neither a name in ASCII nor an address';

/** What is wrong in any URL, with the messages. */
export const wrongParts = (protocol: string, path: string): readonly (readonly [string, string])[] => [
  ...['', 'h%20x', 'bücher.example', '[::1%25eth0]'].map(
    (host) =>
      [
        `${protocol}//u:secret@${host}${path}`,
        host === '' || host.includes('eth0') ? 'something that is not a URL' : NO_HOST,
      ] as const,
  ),
  [`${protocol}//${path}`, NO_HOST],
  ...['/a/../3', '/./3', '/%2e%2E/3', '/3/..'].map(
    (dots) => [`${protocol}//u:secret@host${dots}`, 'one with . or .. as a part of its path'] as const,
  ),
  [`${protocol}//u:secret@host:0${path}`, 'one with port 0'],
  [`${protocol}//u:secret@host:65536${path}`, 'something that is not a URL'],
  [`${protocol}//u:secret%00@host${path}`, 'one with %00, which is not allowed there'],
  ...['\t', '\n', '\r\n'].map(
    (space) =>
      [
        `${protocol}//u:se${space}cret@host${path}`,
        'one with a tab or line break, which should be %09, %0A or %0D',
      ] as const,
  ),
];
