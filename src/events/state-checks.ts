import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { within } from '../time-limit.ts';
import type { ReadStates } from './customer-states.ts';

/** How often changes are looked for that this gateway was not told of. */
const CHECK_MS = 10_000;
/** Customers whose states are read with one statement. */
const AT_ONCE = 128;
/** How long events wait for the states of their customers. */
const WAIT_MS = 1_000;

export interface StateChecksOptions {
  readonly readStates: ReadStates;
  /** Called when a customer's first state was read, or could not be. */
  readonly onBegun: (customerId: string) => void;
  /** Called after `told`, and when a check has found another state. */
  readonly onChange: (customerId: string) => void;
  readonly log: Pick<Log, 'warn'>;
  readonly metrics: Pick<Metrics, 'subscriptionChangesFound' | 'subscriptionCheckFailures'>;
}

interface Checked {
  /** Undefined until it is read, and when that has failed or took long the last time: then the next one counts as a change. */
  state: string | undefined;
  isFirst: boolean;
}

/**
 * Finds changes that this gateway is not told of, because the one that made them has died before it could tell, cannot reach Redis,
 * or is another program. A state is read before `onBegun` and `onChange` are called: whoever reads the customer then finds that
 * state or a later one, and if it is an earlier one than the next check finds, `onChange` is called again.
 */
export function createStateChecks({ readStates, onBegun, onChange, log, metrics }: StateChecksOptions) {
  const customers = new Map<string, Checked>();
  /** Whose states are read next: first those for which events wait. */
  const urgent = new Set<string>();
  const regular = new Set<string>();
  const told = new Set<string>();
  let isReading = false;
  /** Whether the statement under way takes so long that events do not wait for it. */
  let isLate = false;
  const report = createReport({ log, metrics });
  let checking: NodeJS.Timeout | undefined;

  const settle = (customerId: string, state: string | undefined, isTold: boolean): void => {
    const checked = customers.get(customerId);
    if (checked === undefined) return;
    const { state: before, isFirst } = checked;
    Object.assign(checked, { state, isFirst: false });
    const isFound = !isTold && state !== undefined && state !== before;
    if (isFirst) onBegun(customerId);
    else if (isTold || isFound) onChange(customerId);
    if (!isFirst && isFound && before !== undefined) metrics.subscriptionChangesFound.inc();
  };
  const settleUrgent = (): void => {
    for (const customerId of urgent) settle(customerId, undefined, told.delete(customerId));
    urgent.clear();
  };
  const readNext = async (): Promise<void> => {
    const batch = [...urgent, ...regular].slice(0, AT_ONCE);
    const toldOf = new Set(batch.filter((customerId) => told.delete(customerId)));
    for (const customerId of batch) for (const due of [urgent, regular]) due.delete(customerId);
    const reading = readStates(batch).catch((error: unknown) => (isLate ? undefined : report.failed(error)));
    const limit = { ms: WAIT_MS, timeoutError: () => new Error(`reading the states takes more than ${WAIT_MS} ms`) };
    const states = await within(limit, () => reading).catch((error: unknown) => {
      isLate = true;
      return report.failed(error);
    });
    if (states !== undefined) report.succeeded();
    for (const customerId of batch)
      settle(customerId, states && (states.get(customerId) ?? 'missing'), toldOf.has(customerId));
    if (isLate) settleUrgent();
    await reading;
    isLate = false;
  };
  const readAll = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    // Whoever is told at the same time is read with the same statement.
    await Promise.resolve();
    while (urgent.size + regular.size > 0) await readNext();
    isReading = false;
  };
  const readSoon = (customerId: string): void => {
    urgent.add(customerId);
    if (isLate) settleUrgent();
    else void readAll();
  };
  const check = (): void => {
    for (const customerId of customers.keys()) regular.add(customerId);
    void readAll();
  };

  return {
    begin(customerId: string): void {
      customers.set(customerId, { state: undefined, isFirst: true });
      checking ??= setInterval(check, CHECK_MS).unref();
      readSoon(customerId);
    },
    end(customerId: string): void {
      customers.delete(customerId);
      for (const due of [urgent, regular, told]) due.delete(customerId);
      if (customers.size > 0) return;
      clearInterval(checking);
      checking = undefined;
    },
    /** Whether `onBegun` was called for it. */
    hasBegun: (customerId: string): boolean => customers.get(customerId)?.isFirst === false,
    /** The customer has changed. Returns whether it had already, and no state was read since. */
    told(customerId: string): boolean {
      if (!customers.has(customerId)) return false;
      const wasTold = told.has(customerId);
      told.add(customerId);
      readSoon(customerId);
      return wasTold;
    },
  };
}

/** Counts failures, and logs the first of several. */
function createReport({ log, metrics }: Pick<StateChecksOptions, 'log' | 'metrics'>) {
  let isFailing = false;
  return {
    failed(error: unknown): undefined {
      metrics.subscriptionCheckFailures.inc();
      if (!isFailing) log.warn({ err: error }, 'Subscriptions may miss changes that no gateway tells of, for now');
      isFailing = true;
    },
    succeeded(): void {
      isFailing = false;
    },
  };
}
