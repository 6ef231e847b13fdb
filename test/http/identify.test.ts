import type { IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { ANYBODY } from '../../src/access/caller.ts';
import { createIdentify } from '../../src/http/identify.ts';
import { createRateLimit } from '../../src/rate-limit/rate-limit.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { until } from '../support/patience.ts';

test('networks take turns at having tokens verified', async () => {
  const begun: string[] = [];
  const metrics = createMetrics();
  let isShort = false;
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
    memory: { isShort: () => isShort },
    log: { warn: () => undefined },
    metrics,
  });
  const ask = (token: string, remoteAddress: string) => {
    const rawHeaders = ['authorization', `Bearer ${token}`];
    return identify({ rawHeaders, socket: { remoteAddress } } as unknown as IncomingMessage);
  };
  const many = Array.from({ length: 100 }, (_, i) => ask(`${i}`, '10.0.0.1'));
  const other = ask('other', '10.0.0.2');
  await until('one of the other network', () => begun.includes('other'));
  expect(begun).toHaveLength(17);
  isShort = true;
  await expect(ask('another', '10.0.0.3')).rejects.toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect((await metrics.tokensRefused.get()).values).toEqual([{ labels: { reason: 'memory' }, value: 1 }]);
  expect(await ask('known', '10.0.0.1')).toBe(ANYBODY);
  goOn();
  await Promise.all([...many, other]);
  expect(begun).toHaveLength(101);
});
