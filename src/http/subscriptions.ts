import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Limits } from '../config.ts';
import type { Subscription } from '../graphql/run.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { openEventStream, type EventStream } from './event-stream.ts';
import { HttpError } from './http-error.ts';

/** Serves subscriptions and tracks the open ones. */
export interface Subscriptions {
  /**
   * Sends the events of a subscription until either side ends it.
   * @throws HttpError 503 while stopping or beyond the gateway's limit, 429 beyond the client's
   */
  serve(request: IncomingMessage, response: ServerResponse, subscription: Subscription): Promise<void>;
  /** Sends `complete` to each client, and ends all streams. */
  close(): void;
}

export interface SubscriptionsOptions {
  readonly limits: Pick<Limits, 'subscriptions' | 'subscriptionsPerClient' | 'subscriptionStallMs'>;
  readonly metrics: Metrics;
}

/** Serves subscriptions as event streams, up to the limits. */
export function createSubscriptions(options: SubscriptionsOptions): Subscriptions {
  const { limits, metrics } = options;
  const streams = new Set<EventStream>();
  let isClosing = false;
  const admit = createAdmission(options);
  return {
    async serve(request, response, subscription) {
      if (isClosing) throw new HttpError(503, 'The gateway is stopping; try again.');
      const release = admit(request.socket.remoteAddress ?? '');
      const stream = openEventStream(response, { stallMs: limits.subscriptionStallMs });
      streams.add(stream);
      try {
        const results = await subscription.start(stream.signal);
        for await (const result of untilEnded(stream, results)) {
          await stream.next(result);
          metrics.subscriptionEvents.inc();
        }
        stream.complete('completed');
        metrics.subscriptionsEnded.inc({ reason: await stream.ended });
      } finally {
        streams.delete(stream);
        release();
      }
    },
    close() {
      isClosing = true;
      for (const stream of streams) stream.complete('stopping');
    },
  };
}

/** The results until the stream has ended. */
async function* untilEnded(
  { signal }: EventStream,
  results: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, void> {
  const iterator = results[Symbol.asyncIterator]();
  const stop = (): void => void iterator.return?.();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  for (;;) {
    const { done, value } = await iterator.next();
    if (done === true || signal.aborted) break;
    yield value;
  }
}

/** Counts subscriptions in total and by address. Admitting one returns the function to call when it has ended. */
function createAdmission({ limits, metrics }: SubscriptionsOptions): (client: string) => () => void {
  const ofClient = new Map<string, number>();
  let all = 0;
  const refuse = (limit: 'instance' | 'client', status: number, expected: string): never => {
    metrics.subscriptionsRefused.inc({ limit });
    throw new HttpError(status, `Expected ${expected}, got one more; end one, or try again later.`, {
      'retry-after': '5',
    });
  };
  const count = (client: string, by: number): void => {
    all += by;
    const own = (ofClient.get(client) ?? 0) + by;
    if (own === 0) ofClient.delete(client);
    else ofClient.set(client, own);
    metrics.subscriptions.set(all);
  };
  return (client) => {
    const { subscriptions, subscriptionsPerClient } = limits;
    if (all >= subscriptions) refuse('instance', 503, `at most ${subscriptions} subscriptions on this gateway`);
    if ((ofClient.get(client) ?? 0) >= subscriptionsPerClient)
      refuse('client', 429, `at most ${subscriptionsPerClient} subscriptions from one address`);
    count(client, 1);
    return () => count(client, -1);
  };
}
