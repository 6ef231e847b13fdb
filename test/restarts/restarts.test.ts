import { describe, expect, test } from '@jest/globals';
import { createSoak } from '../support/soak.ts';
import { restartDirectly } from './direct.ts';
import { restartBehindProxy, type Rolling } from './rolling.ts';

const PARTS = { parts: 3 };
const { isSoak, again, report } = createSoak('restarts');
const ROUNDS = isSoak ? 20 : 1;

function assertNothingLost({ traffic, restarts, wrong }: Rolling, what: string): void {
  const { sent, answered, refused, failures, written } = traffic;
  report(
    `${what}: ${restarts} restarts, ${sent} requests sent, ${answered} answered, ${failures.length} failed, ${refused} connections refused; ${written.length} writes acknowledged`,
  );
  expect({ again, failed: failures.slice(0, 20), wrong }).toEqual({ again, failed: [], wrong: [] });
  expect(answered + refused).toBe(sent);
  expect(written.length).toBeGreaterThan(0);
}

describe('gateways that are restarted under load, one after the other, lose no request', () => {
  test.each(['haproxy', 'nginx'] as const)('behind %s, and every acknowledged write is there once', async (proxy) => {
    const { goesOn } = createSoak('restarts', PARTS);
    const rolling = await restartBehindProxy({
      proxy,
      clients: isSoak ? 100 : 10,
      drainMs: isSoak ? 3_000 : 1_000,
      isHurried: !isSoak,
      goesOn: (rounds) => goesOn(rounds >= ROUNDS),
    });
    assertNothingLost(rolling, proxy);
    expect(rolling.traffic.refused).toBe(0);
  });
});

test('a gateway that stops answers every request of clients that connect to it directly, then refuses connections', async () => {
  const { goesOn } = createSoak('restarts', PARTS);
  const direct = await restartDirectly({ drainMs: isSoak ? 3_000 : 500, goesOn: (rounds) => goesOn(rounds >= ROUNDS) });
  assertNothingLost(direct, 'direct');
  expect(direct.traffic.refused).toBeGreaterThan(0);
});
