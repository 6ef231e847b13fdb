import { fileURLToPath } from 'node:url';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
/** A file with a certificate. */
export const CA = fixture('ca.pem');

/** Parameters for TLS that are wrong in any URL, with what is said of them. */
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
  ['ssl-mode=VERIFY_CA', 'one with ssl-mode=VERIFY_CA and no "ssl-ca" to hold certificates to'],
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
