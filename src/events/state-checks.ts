import type { ReadStates } from './customer-states.ts';

/** How often changes are looked for that this gateway was not told of. */
const CHECK_MS = 10_000;
/** Customers whose states are read with one statement. */
const AT_ONCE = 128;

export interface StateChecksOptions {
  readonly readStates: ReadStates;
  /** Called when a customer's first state was read, or could not be. */
  readonly onBegun: (customerId: string) => void;
  /** Called after `told`, and when a check has found another state. */
  readonly onChange: (customerId: string) => void;
}

interface Checked {
  /** Undefined until it is read, and when the last reading has failed. */
  state: string | undefined;
  isFirst: boolean;
  isTold: boolean;
}

/**
 * Finds changes that this gateway is not told of, because the one that made them has died before it could tell, cannot reach Redis,
 * or is another program. A state is read before `onBegun` and `onChange` are called: whoever reads the customer then finds that state or a later
 * one, and if it is an earlier one than the next check finds, `onChange` is called again.
 */
export function createStateChecks({ readStates, onBegun, onChange }: StateChecksOptions) {
  const customers = new Map<string, Checked>();
  const due = new Set<string>();
  let isReading = false;
  let checking: NodeJS.Timeout | undefined;

  const readBatch = async (batch: readonly (readonly [string, Checked])[]): Promise<void> => {
    const known = batch.map(([customerId, checked]) => {
      const { isFirst, isTold } = checked;
      checked.isTold = false;
      return { customerId, checked, isFirst, isTold };
    });
    // While the database does not answer, the subscriptions say so themselves.
    const states = await readStates(known.map(({ customerId }) => customerId)).catch(() => undefined);
    for (const { customerId, checked, isFirst, isTold } of known) {
      if (customers.get(customerId) !== checked) continue;
      const state = states && (states.get(customerId) ?? 'missing');
      const isOther = state !== undefined && state !== checked.state;
      checked.state = state;
      checked.isFirst = false;
      if (isFirst) onBegun(customerId);
      else if (isTold || isOther) onChange(customerId);
    }
  };
  const readDue = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    // Whoever is told at the same time is read with the same statement.
    await undefined;
    while (due.size > 0) {
      const batch = [...due].slice(0, AT_ONCE);
      for (const customerId of batch) due.delete(customerId);
      await readBatch(
        batch.flatMap((customerId) => {
          const checked = customers.get(customerId);
          return checked === undefined ? [] : [[customerId, checked] as const];
        }),
      );
    }
    isReading = false;
  };
  const check = (): void => {
    for (const customerId of customers.keys()) due.add(customerId);
    void readDue();
  };

  return {
    begin(customerId: string): void {
      customers.set(customerId, { state: undefined, isFirst: true, isTold: false });
      checking ??= setInterval(check, CHECK_MS).unref();
      due.add(customerId);
      void readDue();
    },
    end(customerId: string): void {
      customers.delete(customerId);
      if (customers.size > 0) return;
      clearInterval(checking);
      checking = undefined;
    },
    /** Whether `onBegun` was called for it. */
    hasBegun: (customerId: string): boolean => customers.get(customerId)?.isFirst === false,
    /** The customer has changed. Returns whether it had already, and no state was read since. */
    told(customerId: string): boolean {
      const checked = customers.get(customerId);
      if (checked === undefined) return false;
      const wasTold = checked.isTold;
      checked.isTold = true;
      due.add(customerId);
      void readDue();
      return wasTold;
    },
  };
}
