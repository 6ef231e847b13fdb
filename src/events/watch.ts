import type { CustomerEvent, StreamState } from '../crm/context.ts';

/** Whether other gateways' changes to a customer are heard; JOINING: not known yet, for a few seconds at most. */
export type ListeningState = StreamState | 'JOINING';

/** Where a watch listens. */
export interface Listening {
  join(customerId: string, watch: Watch): void;
  leave(customerId: string, watch: Watch): void;
  stateOf(customerId: string): ListeningState;
}

/** One subscription to a customer. */
export interface Watch extends AsyncIterableIterator<CustomerEvent> {
  /** Has an event come; gives whether one was due already, with which it is one. */
  wake(): boolean;
}

const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

/** Watches a customer until `return`, or until one of its events says `end`. Holds at most one event that is due. */
export function createWatch(customerId: string, listening: Listening): Watch {
  /** The customer asked for and, once it is merged, the one that it went into. */
  const rows = new Set<string>();
  // The state at the beginning, so that nothing is missed between a query and the subscription after it.
  let isDue = true;
  let isOver = false;
  let failures = 0;
  let retrying: NodeJS.Timeout | undefined;
  let resume: (() => void) | undefined;

  const state = (): ListeningState => {
    const states = [...rows].map((row) => listening.stateOf(row));
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
    listening.join(row, watch);
  };
  const leave = (row: string): void => {
    rows.delete(row);
    listening.leave(row, watch);
  };
  const end = (): void => {
    isOver = true;
    clearTimeout(retrying);
    for (const row of rows) leave(row);
    resume?.();
  };
  const event = (told: StreamState): CustomerEvent => {
    const failuresBefore = failures;
    failures = 0;
    return {
      state: told,
      end,
      retry() {
        if (isOver) return;
        failures = failuresBefore + 1;
        retrying = setTimeout(wake, Math.min(RETRY_MS * 2 ** failuresBefore, LONGEST_RETRY_MS));
      },
      found(row) {
        if (isOver || rows.has(row)) return;
        for (const former of rows) if (former !== customerId) leave(former);
        join(row);
        // It may have changed after it was read and before it was watched.
        wake();
      },
    };
  };

  const watch: Watch = {
    wake,
    async next() {
      for (;;) {
        if (isOver) return { done: true, value: undefined };
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
