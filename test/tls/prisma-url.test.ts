import { expect, test } from '@jest/globals';
import { prismaUrl } from '../../src/tls.ts';
import { CA } from '../cli/wrong-urls.ts';

test.each([
  ['', ''],
  ['?ssl-mode=REQUIRED', '?sslaccept=accept_invalid_certs'],
  [`?ssl-mode=REQUIRED&ssl-ca=${CA}`, `?sslaccept=strict&sslcert=${encodeURIComponent(CA)}`],
  [`?ssl-ca=${CA}&ssl-mode=VERIFY_CA`, `?sslaccept=strict&sslcert=${encodeURIComponent(CA)}`],
  ['?ssl-mode=VERIFY_IDENTITY', '?sslaccept=strict'],
])("Prisma's command line is given what it calls %s", (given, expected) => {
  expect(prismaUrl(`mysql://u:a%25b@host:3307/crm${given}`)).toBe(`mysql://u:a%25b@host:3307/crm${expected}`);
});
