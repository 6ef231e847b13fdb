import { writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

/** A certificate and its key: their PEM files and contents. */
export interface KeyPair {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** Certificates of one authority, in their own folder. */
export interface Authority extends KeyPair {
  /**
   * @param hosts names and addresses that the certificate is for
   * @param notAfter default: far away
   */
  readonly issue: (hosts: readonly string[], notAfter?: Date) => Promise<KeyPair>;
  readonly remove: () => Promise<void>;
}

const OPTIONS = { keyType: 'ec', algorithm: 'sha256', notAfterDate: new Date('2120-01-01') } as const;

/** Creates a private CA that nobody trusts by default. */
export async function createAuthority(name: string): Promise<Authority> {
  const { path, remove } = await createTemporaryFolder();
  const written = async (stem: string, { cert, private: key }: { cert: string; private: string }): Promise<KeyPair> => {
    const [certFile, keyFile] = [join(path, `${stem}.pem`), join(path, `${stem}.key`)];
    await writeFile(certFile, cert);
    await writeFile(keyFile, key);
    return { certFile, keyFile, cert, key };
  };
  const ca = await generate([{ name: 'commonName', value: name }], {
    ...OPTIONS,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  let issued = 0;
  return {
    ...(await written('ca', ca)),
    async issue(hosts, notAfter) {
      const certificate = await generate([{ name: 'commonName', value: `server ${(issued += 1)} of ${name}` }], {
        ...OPTIONS,
        ca: { key: ca.private, cert: ca.cert },
        notBeforeDate: new Date('2020-01-01'),
        ...(notAfter && { notAfterDate: notAfter }),
        extensions: [
          // The nodes of a Redis cluster are also each other's clients.
          { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
          {
            name: 'subjectAltName',
            altNames: hosts.map((host) => (isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host })),
          },
        ],
      });
      return written(`server-${issued}`, certificate);
    },
    remove,
  };
}
