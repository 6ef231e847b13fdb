import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { createSoak } from '../support/soak.ts';
import { restartDirectly } from './direct.ts';
import type { ProxyName } from './programs.ts';
import { restartBehindProxies, type Rolling } from './rolling.ts';

const PARTS = { parts: 3 };
const { isSoak, again, report } = createSoak('restarts');
/** Of each gateway. */
const RESTARTS = isSoak ? 20 : 1;

let servers: OwnServers;
beforeAll(async () => {
  servers = await startOwnServers();
});
afterAll(() => servers.close());

function assertNothingLost({ traffic, restarts, wrong }: Rolling, what: string): void {
  const { sent, answered, refused, pardoned, failures, written } = traffic;
  report(
    [
      `${what}: ${restarts} restarts, ${sent} requests sent, ${answered} answered, ${failures.length} failed`,
      `${pardoned} pardoned, ${refused} connections refused, ${written.length} writes acknowledged, ${wrong.length} of them wrong`,
    ].join(', '),
  );
  for (const failure of failures.slice(0, 5)) report(failure);
  expect({ again, failed: failures.slice(0, 20), wrong }).toEqual({ again, failed: [], wrong: [] });
  expect(answered + refused + pardoned).toBe(sent);
  expect(written.length).toBeGreaterThan(0);
}

describe('gateways that are restarted under load, one after the other, lose no request', () => {
  // In the suite, both proxies are in front of the same gateways, to save time.
  const alone = [['haproxy'], ['nginx']] as const;
  test.each<{ proxies: readonly ProxyName[] }>(
    isSoak ? alone.map((proxies) => ({ proxies })) : [{ proxies: alone.flat() }],
  )('behind $proxies, and every acknowledged write is there once', async ({ proxies }) => {
    const { goesOn } = createSoak('restarts', PARTS);
    const rollings = await restartBehindProxies({
      servers,
      proxies,
      clients: isSoak ? 100 : 5,
      drainMs: isSoak ? 3_000 : 1_000,
      isHurried: !isSoak,
      goesOn: (rounds) => goesOn(rounds >= RESTARTS),
    });
    for (const [i, rolling] of rollings.entries()) {
      assertNothingLost(rolling, proxies[i] ?? '');
      expect(rolling.traffic.refused).toBe(0);
      // In the suite, a proxy may not leave a gateway in time, because the machine is busy.
      if (isSoak) expect(rolling.traffic.pardoned).toBe(0);
    }
  });
});

test('a gateway that stops answers every request of clients that connect to it directly, then refuses connections', async () => {
  const { goesOn } = createSoak('restarts', PARTS);
  const direct = await restartDirectly({
    servers,
    drainMs: isSoak ? 3_000 : 500,
    goesOn: (restarts) => goesOn(restarts >= RESTARTS),
  });
  assertNothingLost(direct, 'direct');
  expect(direct.traffic.refused).toBeGreaterThan(0);
});
