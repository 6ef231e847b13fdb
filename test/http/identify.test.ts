import type { IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { ANYBODY } from '../../src/access/caller.ts';
import { createIdentify } from '../../src/http/identify.ts';
import { createRateLimit } from '../../src/rate-limit/rate-limit.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { until } from '../support/patience.ts';

test('networks take turns at having tokens verified', async () => {
  const begun: string[] = [];
  const { promise: gate, resolve: goOn } = Promise.withResolvers<void>();
  const identify = createIdentify({
    authenticate: async (token, inTurn = (work) => work()) =>
      token === 'known'
        ? ANYBODY
        : inTurn(async () => {
            begun.push(token);
            await gate;
            return ANYBODY;
          }),
    rateLimit: createRateLimit({ costPerMinute: 0, shared: undefined, onRefused: () => undefined }),
    limits: { requests: 100 },
    metrics: createMetrics(),
  });
  const ask = (token: string, remoteAddress: string) => {
    const rawHeaders = ['authorization', `Bearer ${token}`];
    return identify({ rawHeaders, socket: { remoteAddress } } as unknown as IncomingMessage);
  };
  const many = Array.from({ length: 100 }, (_, i) => ask(`${i}`, '10.0.0.1'));
  const other = ask('other', '10.0.0.2');
  await until('one of the other network', () => begun.includes('other'));
  expect(begun).toHaveLength(17);
  const refused = ask('another', '10.0.0.1');
  await expect(refused).rejects.toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
  await expect(refused).rejects.toThrow('requests with tokens to be verified at the same time of one client');
  expect(await ask('known', '10.0.0.1')).toBe(ANYBODY);
  goOn();
  await Promise.all([...many, other]);
  expect(begun).toHaveLength(101);
});
