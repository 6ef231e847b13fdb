import { readByStatus, readNumbered, readOfAgent, readSearch } from './fact-lists.ts';
import { readCustomer, readNext, readNumber } from './fact-lookups.ts';
import type { Reading } from './fact-model.ts';

/** Reads something, and checks each fact of the answer. */
export async function readFact(reading: Reading): Promise<void> {
  const { profile, random } = reading;
  const all = [readCustomer, readCustomer, readCustomer, readNext, readNumber, readByStatus, readNumbered, readOfAgent];
  await random.pick([...all, ...(profile.seesPersonalData ? [readSearch] : [])])(reading);
}
