import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { createSoak } from '../support/soak.ts';
import { restartDirectly } from './direct.ts';
import { restartBehindProxy, type Rolling } from './rolling.ts';

const PARTS = { parts: 3 };
const { isSoak, again, report } = createSoak('restarts');
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
  test.each(['haproxy', 'nginx'] as const)('behind %s, and every acknowledged write is there once', async (proxy) => {
    const { goesOn } = createSoak('restarts', PARTS);
    const rolling = await restartBehindProxy({
      servers,
      proxy,
      clients: isSoak ? 100 : 10,
      drainMs: isSoak ? 3_000 : 1_000,
      isHurried: !isSoak,
      goesOn: (rounds) => goesOn(2 * rounds >= RESTARTS),
    });
    assertNothingLost(rolling, proxy);
    expect(rolling.traffic.refused).toBe(0);
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
