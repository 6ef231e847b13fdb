import { relative } from 'node:path';
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

test('a relative path, which Prisma would resolve from its schema, is made absolute', () => {
  const url = prismaUrl(`mysql://host/crm?ssl-mode=VERIFY_CA&ssl-ca=${relative(process.cwd(), CA)}`);
  expect(new URL(url).searchParams.get('sslcert')).toBe(CA);
});

test('what Prisma cannot do is refused', () => {
  expect(() => prismaUrl('mysql://host/crm?ssl-mode=PREFERRED')).toThrow(/got one with an "ssl-mode" that is none of/);
});
