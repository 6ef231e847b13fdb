import type { TestGateway } from './gateway.ts';
import { until } from './patience.ts';

/** For tests in which a request waits for what the test does: no time of the gateway's is up before, however slow it is. */
export const UNHURRIED = { LIMIT_REQUEST_MS: '600000', LIMIT_STATEMENT_MS: '600000' } as const;

/** What a gateway says of its readiness. */
export interface Readiness {
  readonly status: string;
  readonly dependencies: { readonly database: string; readonly redis: string };
}

export async function readinessOf(gateway: Pick<TestGateway, 'url'>): Promise<Readiness> {
  return (await (await fetch(`${gateway.url}/health/ready`)).json()) as Readiness;
}

/** Until gateways use their Redis: they connect in the background, and answer without it before. */
export async function untilRedisUp(...gateways: readonly Pick<TestGateway, 'url'>[]): Promise<void> {
  for (const gateway of gateways)
    await until(
      'the gateway to be connected to Redis',
      () => readinessOf(gateway),
      ({ dependencies }) => dependencies.redis === 'up',
    );
}
