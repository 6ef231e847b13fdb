import { expect } from '@jest/globals';
import { PATIENT_WITH_DATABASE, startGateway, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import type { OwnRedisPair } from './own-redis-pair.ts';

const ID = nodeId('Customer', 1);
const QUERY = `{ customer(by: {id: "${ID}"}) { name } }`;
const UPDATE = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';

/** A gateway with the time limits for Redis that gateways have by default. */
export const startStanding = (databaseUrl: string, redisUrl: string): Promise<TestGateway> =>
  startGateway({ databaseUrl, redisUrl, settings: PATIENT_WITH_DATABASE });

/** A customer with a number for its name, which only grows, so that any answer says which write it is from. */
export function createNumberedCustomer() {
  let written = 0;
  /** The latest write that has been answered. */
  let answered = 0;
  const staleAnswers: string[] = [];

  /** Reads; an answer from before a write that was answered before this read began is noted as stale. */
  const read = async (from: TestGateway): Promise<string | null> => {
    const atLeast = answered;
    const { data, headers } = await from.request(QUERY);
    const shown = Number(data.customer.name);
    if (shown < atLeast) staleAnswers.push(`${headers.get('x-cache')} ${shown} instead of ${atLeast}`);
    return headers.get('x-cache');
  };
  const write = async (to: TestGateway): Promise<void> => {
    written += 1;
    const number = written;
    const { updateCustomer } = await to.data(UPDATE, { input: { id: ID, name: String(number) } });
    expect(updateCustomer.userErrors).toEqual([]);
    answered = number;
  };
  const untilHit = async (...gateways: readonly TestGateway[]): Promise<void> => {
    for (const gateway of gateways)
      await until(
        'a hit',
        () => read(gateway),
        (result) => result === 'HIT',
      );
  };
  return {
    query: QUERY,
    read,
    write,
    /** Waits until each gateway answers from the cache. */
    untilHit,
    /** Has a response stored on the first server, and then another write told to the second alone. */
    async writeToSecond(redis: OwnRedisPair, ...[a, b]: readonly [TestGateway, TestGateway]): Promise<void> {
      redis.use(0);
      await write(a);
      await untilHit(a, b);
      redis.use(1);
      await untilHit(a, b);
      await write(a);
      await untilHit(a, b);
    },
    /** Reads from a gateway again and again until `work` is done. */
    async whileReading(from: TestGateway, work: () => Promise<unknown>): Promise<void> {
      const done = new AbortController();
      const reading = Array.from({ length: 3 }, async () => {
        while (!done.signal.aborted) await read(from);
      });
      try {
        await work();
      } finally {
        done.abort();
        await Promise.all(reading);
      }
    },
    /** Those since the last call. */
    staleAnswers: (): readonly string[] => staleAnswers.splice(0),
  };
}
