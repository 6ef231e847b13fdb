import type { CustomerEvent, StreamState } from '../crm/context.ts';

/** Whether changes made through other gateways are noticed; JOINING: not yet, for a few seconds at most. */
export type WatchState = StreamState | 'JOINING';

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

/** Watches a customer until `return`, or until one of its events calls `end`. Holds at most one due event. */
export function createWatch(customerId: string, registry: WatchRegistry): Watch {
  /** The customer that was subscribed to and, if merged, the one that it was merged into. */
  const rows = new Set<string>();
  // The first event shows the initial state, so that nothing is missed between a query and its subscription.
  let isDue = true;
  let isEnded = false;
  let failures = 0;
  let retrying: NodeJS.Timeout | undefined;
  let resume: (() => void) | undefined;

  const state = (): WatchState => {
    const states = [...rows].map((row) => registry.stateOf(row));
    return (
      states.find((one) => one === 'JOINING') ?? states.find((one) => one === 'INTERRUPTED') ?? states[0] ?? 'LIVE'
    );
  };
  const wake = (): boolean => {
    const wasDue = isDue;
    isDue = true;
    resume?.();
    return wasDue;
  };
  const join = (row: string): void => {
    rows.add(row);
    registry.join(row, watch);
  };
  const leave = (row: string): void => {
    rows.delete(row);
    registry.leave(row, watch);
  };
  const end = (): void => {
    isEnded = true;
    clearTimeout(retrying);
    for (const row of rows) leave(row);
    resume?.();
  };
  const event = (streamState: StreamState): CustomerEvent => {
    const failuresBefore = failures;
    failures = 0;
    return {
      state: streamState,
      end,
      retry() {
        if (isEnded) return;
        failures = failuresBefore + 1;
        retrying = setTimeout(wake, Math.min(RETRY_MS * 2 ** failuresBefore, MAX_RETRY_MS));
      },
      found(row) {
        if (isEnded || rows.has(row)) return;
        for (const former of rows) if (former !== customerId) leave(former);
        join(row);
        // It may have changed between being read and being watched.
        wake();
      },
    };
  };

  const watch: Watch = {
    wake,
    async next() {
      for (;;) {
        if (isEnded) return { done: true, value: undefined };
        const now = state();
        if (isDue && now !== 'JOINING') {
          isDue = false;
          clearTimeout(retrying);
          return { done: false, value: event(now) };
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
  join(customerId);
  return watch;
}
