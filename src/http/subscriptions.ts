import type { IncomingMessage, ServerResponse } from 'node:http';
import { TokenRefused } from '../access/token-refused.ts';
import type { Limits } from '../config.ts';
import type { Subscription } from '../graphql/run.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createAdmission } from './admission.ts';
import { openEventStream, type EventStream } from './event-stream.ts';
import { HttpError } from './http-error.ts';

/** Serves subscriptions and tracks the open ones. */
export interface Subscriptions {
  /**
   * Sends the events of a subscription until either side ends it, or its caller's token expires.
   * @throws HttpError 503 while stopping or beyond the gateway's limits, 429 beyond the client's
   */
  serve(request: IncomingMessage, response: ServerResponse, subscription: Subscription): Promise<void>;
  /** Sends `complete` to each client, and ends all streams. */
  close(): void;
}

export interface SubscriptionsOptions {
  readonly limits: Pick<Limits, 'subscriptions' | 'subscriptionsPerClient' | 'stallMs' | 'bufferBytes'>;
  readonly metrics: Metrics;
}

/** Serves subscriptions as event streams, up to the limits. */
export function createSubscriptions({ limits, metrics }: SubscriptionsOptions): Subscriptions {
  const streams = new Set<EventStream>();
  let isClosing = false;
  /** What the documents and variables of the open ones take. */
  let heldBytes = 0;
  const { admit } = createAdmission({
    limits: { gateway: limits.subscriptions, client: limits.subscriptionsPerClient },
    what: 'subscriptions',
    advice: 'end one, or try again later',
    retryAfterSeconds: 5,
    onCount: (open) => metrics.subscriptions.set(open),
    onRefused: (limit) => metrics.subscriptionsRefused.inc({ limit }),
  });
  return {
    async serve(request, response, subscription) {
      if (isClosing) throw new HttpError(503, 'The gateway is stopping; try again.');
      if (heldBytes + subscription.bytes > limits.bufferBytes) {
        metrics.subscriptionsRefused.inc({ limit: 'memory' });
        throw tooLarge(limits.bufferBytes);
      }
      const release = admit(subscription.client);
      heldBytes += subscription.bytes;
      const stream = openEventStream(response, limits);
      streams.add(stream);
      const expiry = setTimeout(() => endExpired(stream), timeLeft(subscription));
      try {
        const results = await subscription.start(stream.signal);
        for await (const result of untilEnded(stream, results)) {
          await stream.next(result);
          metrics.subscriptionEvents.inc();
        }
        stream.complete('completed');
        metrics.subscriptionsEnded.inc({ reason: await stream.ended });
      } finally {
        clearTimeout(expiry);
        streams.delete(stream);
        heldBytes -= subscription.bytes;
        release();
      }
    },
    close() {
      isClosing = true;
      for (const stream of streams) stream.complete('stopping');
    },
  };
}

/** A stream whose token is good for longer than Node's timers last (24 days) ends then, too, and its client comes back. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const timeLeft = ({ expiresAtMs = Number.POSITIVE_INFINITY }: Subscription): number =>
  Math.min(expiresAtMs - Date.now(), MAX_TIMER_MS);

/** Tells the client why, or it would take the end of the stream for the end of the subscription. */
function endExpired(stream: EventStream): void {
  const { message } = new TokenRefused('expired');
  void stream.next(Buffer.from(JSON.stringify({ errors: [{ message, extensions: { code: 'UNAUTHENTICATED' } }] })));
  stream.complete('expired');
}

const tooLarge = (bytes: number): HttpError =>
  new HttpError(
    503,
    `Expected subscriptions whose documents and variables take at most ${bytes} bytes of memory together, got one more; end one, or try again later.`,
    { 'retry-after': '5' },
  );

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
