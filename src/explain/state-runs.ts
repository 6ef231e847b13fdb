import { customers } from '../crm/customer/table.ts';
import { createReadStates } from '../events/customer-states.ts';
import { toEntry, type Entry } from './entries.ts';
import type { Samples } from './samples.ts';
import type { Measurement, MeasuringSession } from './session.ts';

/** Measures one customer, and as many as a gateway asks for with one statement. */
const CUSTOMER_COUNTS = [1, 128] as const;
/**
 * The customer, and the last entry of its record of changes, however long that is. MariaDB also counts a look at a temporary table
 * (10.11), probably its cache of subqueries.
 */
const READS_PER_CUSTOMER = 3;

/** Measures the statement by which subscriptions look for changes that nobody tells. No field causes it. */
export async function* stateEntries(session: MeasuringSession, samples: Samples): AsyncGenerator<Entry> {
  for (const count of CUSTOMER_COUNTS) {
    const ids = await samples.values(customers, 'id', count);
    const sent: Measurement[] = [];
    const read: MeasuringSession['read'] = async (statement) => {
      const measurement = await session.measure(statement);
      sent.push(measurement);
      return [...measurement.rows];
    };
    if (ids.length > 0) await createReadStates({ reader: () => ({ read }) })(ids);
    for (const measurement of sent)
      yield toEntry({
        asked: 'version and last change',
        arguments: {},
        parents: ids.length,
        maxRows: ids.length * READS_PER_CUSTOMER,
        uncovered: [],
        measurement: { ...measurement, rows: [] },
      });
  }
}
