import { Writable } from 'node:stream';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { CustomerEvent } from '../../src/crm/context.ts';
import { createCustomerBus } from '../../src/events/customer-bus.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

const bus = createCustomerBus({
  openChannels: undefined,
  readStates: () => Promise.resolve(new Map()),
  log: createLog({ level: 'silent', readable: false, destination: new Writable() }),
  metrics: createMetrics(),
});
let watch = bus.watch('1');
afterEach(async () => {
  await watch.return?.();
  watch = bus.watch('1');
});

/** The next event; undefined if none is due. */
async function due(): Promise<CustomerEvent | undefined> {
  asked ??= watch.next();
  // An event that is due arrives without delay.
  const came = await Promise.race([asked, new Promise<undefined>((resolve) => setImmediate(resolve, undefined))]);
  if (came !== undefined) asked = undefined;
  return came?.value ?? undefined;
}
let asked: Promise<IteratorResult<CustomerEvent>> | undefined;
afterEach(() => {
  asked = undefined;
});

/** Reads a customer after an event, finding it under this row id. */
const readAs = async (row: string): Promise<void> => (await due())?.found(row);

describe('a subscription to a customer that was merged', () => {
  test('continues with the customer that it was merged into', async () => {
    await readAs('1');
    expect(await due()).toBeUndefined();
    bus.changed(['1', '2']);
    await readAs('2');
    // It may have changed before it was watched, so it is read again.
    await readAs('2');
    expect(await due()).toBeUndefined();
    bus.changed(['2']);
    expect(await due()).toBeDefined();
  });

  test('follows a chain of merges, and reports nothing about the customer in between', async () => {
    await readAs('2');
    await readAs('2');
    bus.changed(['2', '3']);
    await readAs('3');
    await readAs('3');
    bus.changed(['2']);
    expect(await due()).toBeUndefined();
    bus.changed(['3']);
    await readAs('3');
    // The id may later lead elsewhere.
    bus.changed(['1']);
    expect(await due()).toBeDefined();
  });

  test('ends when that customer is deleted', async () => {
    await readAs('2');
    (await due())?.end();
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    bus.changed(['1', '2']);
    expect(await due()).toBeUndefined();
  });
});
