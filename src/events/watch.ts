import type { ChannelState } from '../cache/redis-channels.ts';
import type { CustomerEvent, StreamState } from '../crm/context.ts';

/** Whether changes made through other gateways are noticed: the state of the customer's channel, or LOCAL without Redis. */
export type WatchState = ChannelState | StreamState;

/** Where watches register for the changes of a customer. */
export interface WatchRegistry {
  join(customerId: string, watch: Watch): void;
  leave(customerId: string, watch: Watch): void;
  stateOf(customerId: string): WatchState;
}

/** One subscription to a customer. */
export interface Watch extends AsyncIterableIterator<CustomerEvent> {
  /** Makes an event due. Returns whether one was due already; the two are then combined. */
  wake(): boolean;
}

const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

/** Watches a customer until `return`, or until one of its events calls `end`. */
export function createWatch(customerId: string, registry: WatchRegistry): Watch {
  /** The customer that was subscribed to and, if merged, the one that it was merged into. None once the watch has ended. */
  const customerIds = new Set<string>();
  let failures = 0;
  let retrying: NodeJS.Timeout | undefined;

  const join = (id: string): void => {
    customerIds.add(id);
    registry.join(id, watch);
  };
  const leave = (id: string): void => {
    customerIds.delete(id);
    registry.leave(id, watch);
  };
  const watch = createIterator({
    take(end) {
      const state = combined([...customerIds].map((id) => registry.stateOf(id)));
      if (state === 'JOINING') return undefined;
      clearTimeout(retrying);
      const failuresBefore = failures;
      failures = 0;
      return {
        state,
        end,
        retry() {
          if (customerIds.size === 0) return;
          failures = failuresBefore + 1;
          retrying = setTimeout(() => watch.wake(), Math.min(RETRY_MS * 2 ** failuresBefore, MAX_RETRY_MS));
        },
        found(current) {
          if (customerIds.size === 0 || customerIds.has(current)) return;
          for (const former of customerIds) if (former !== customerId) leave(former);
          join(current);
          // It may have changed between being read and being watched.
          watch.wake();
        },
      };
    },
    onEnd() {
      clearTimeout(retrying);
      for (const id of customerIds) leave(id);
    },
  });
  join(customerId);
  return watch;
}

/** The state of customers that are watched together: the worst of theirs. */
const combined = (states: readonly WatchState[]): WatchState =>
  states.find((one) => one === 'JOINING') ?? states.find((one) => one === 'INTERRUPTED') ?? states[0] ?? 'LIVE';

/**
 * Iterates over events, each taken from the source when it is due and asked for. Holds at most one due event.
 * @param source.take returns undefined if the event has to wait until the next `wake`
 */
function createIterator(source: { take(end: () => void): CustomerEvent | undefined; onEnd(): void }): Watch {
  // The first event shows the initial state, so that nothing is missed between a query and its subscription.
  let isDue = true;
  let isEnded = false;
  let resume: (() => void) | undefined;
  const end = (): void => {
    isEnded = true;
    source.onEnd();
    resume?.();
  };
  const watch: Watch = {
    wake() {
      const wasDue = isDue;
      isDue = true;
      resume?.();
      return wasDue;
    },
    async next() {
      for (;;) {
        if (isEnded) return { done: true, value: undefined };
        const event = isDue ? source.take(end) : undefined;
        if (event !== undefined) {
          isDue = false;
          return { done: false, value: event };
        }
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
      }
    },
    async return() {
      end();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => watch,
  };
  return watch;
}
