import type { Connection } from 'mariadb';
import { rowOf, type Row } from '../mutations/writing-gateway.ts';
import { described, type Outcome, type SentWrite } from './client.ts';
import type { Input } from './mutation.ts';
import { followed, marksOf, mergesAgree, playBack, readMerges, readRecord, signOf, type Entry } from './record.ts';
import { NEVER_FOUND } from './never-found.ts';
import { shown, TABLES } from './tables.ts';

/**
 * Compares the database, read by plain SQL, with what the clients were told: each acknowledged write is there exactly once, and
 * nothing that was refused or that no client wrote is there; the record of changes explains every row; merged ids lead where it
 * says; summaries match the rows; the stored outcomes of keys match what the clients were told.
 * @returns a sentence for each difference
 */
export async function findViolations(
  connection: Connection,
  journal: readonly SentWrite[],
): Promise<readonly string[]> {
  const record = await readRecord(connection);
  const merges = readMerges(record);
  const told: Told = { journal, kept: await readKept(connection), followed: (row) => followed(merges, row) };
  const sent = byMark(journal);
  const found = [
    ...recordedOnce(record, told),
    ...(await playBack(connection, record, (entry, state) => sentFaults(entry, { state, sent }))),
    ...(await mergesAgree(connection, record)),
    ...keysAgree(told),
    ...(await contentsAgree(connection, journal)),
  ];
  for (const [what, sql] of NEVER_FOUND)
    for (const row of await connection.query<Row[]>(sql)) found.push(`${what}: ${shown(row)}`);
  return found;
}

/** What clients were told, and the stored outcomes for repeating it. */
interface Told {
  readonly journal: readonly SentWrite[];
  /** By key. */
  readonly kept: ReadonlyMap<string, Kept>;
  /** A customer's row, followed by those that it was merged into, in order. */
  readonly followed: (row: string) => readonly string[];
}

interface Kept {
  readonly mutation: string;
  /** The row or id that was returned; undefined for a refusal. */
  readonly given: string | undefined;
  readonly userErrors: unknown;
  readonly row: Row;
}

async function readKept(connection: Connection): Promise<ReadonlyMap<string, Kept>> {
  const rows = await connection.query<Row[]>('SELECT idempotency_key AS k, mutation, answer FROM idempotency_keys');
  return new Map(
    rows.map((row) => {
      const { given = {}, userErrors } = JSON.parse(String(row['answer'])) as {
        given?: Readonly<Record<string, string>>;
        userErrors?: unknown;
      };
      return [String(row['k']), { mutation: String(row['mutation']), given: Object.values(given)[0], userErrors, row }];
    }),
  );
}

const isDone = ({ outcome }: SentWrite): boolean => outcome?.userErrors.length === 0;

const outcomeOf = ({ outcome }: SentWrite): string =>
  outcome === undefined
    ? 'never acknowledged'
    : outcome.userErrors.length === 0
      ? 'acknowledged'
      : `refused (${outcome.userErrors.map(({ code }) => code).join(', ')})`;

/** Writes by the marks that their entries have. */
const byMark = (journal: readonly SentWrite[]): ReadonlyMap<string, SentWrite> =>
  new Map(journal.flatMap((write) => [write.mark.text, write.mark.moment].map((mark) => [mark, write])));

/** After the entry of a write, everything must have the values that its client has sent. */
function sentFaults(
  entry: Entry,
  { state, sent }: { state: ReadonlyMap<string, string | null>; sent: ReadonlyMap<string, SentWrite> },
): readonly string[] {
  const faults: string[] = [];
  for (const write of new Set(marksOf(entry).flatMap((mark) => sent.get(mark) ?? [])))
    for (const [field, value] of Object.entries(write.input)) {
      const text = sentText(field, value);
      if (text !== undefined && field in columnsOf(entry) && (state.get(field) ?? null) !== text)
        faults.push(`${described(write)} sent ${field} ${text}, and is recorded with ${state.get(field) ?? null}`);
    }
  return faults;
}

/** The recorded fields of what an entry is about. */
function columnsOf({ subject }: Entry): object {
  const type = Object.entries(TABLES).find(([name]) => subject.startsWith(`${name}:`));
  return type?.[1].columns ?? {};
}

/** A value of an input in the record's format; undefined for lists and other objects, which other checks compare. */
function sentText(field: string, value: unknown): string | null | undefined {
  if (value === null) return null;
  if (field === 'phone') return (value as { number: string }).number;
  if (typeof value !== 'string') return undefined;
  if (field.endsWith('Id') && field !== 'externalId') return String(rowOf(value));
  return field.endsWith('At') ? new Date(value).toISOString() : value;
}

/** Each entry must have the mark of one acknowledged write, or match the sign of a write without a mark. */
function recordedOnce(record: readonly Entry[], told: Told): readonly string[] {
  const faults: string[] = [];
  const writes = byMark(told.journal);
  const entries = new Map<SentWrite, Entry[]>();
  const unmarked: Entry[] = [];
  for (const entry of record) {
    const own = new Set(marksOf(entry).flatMap((mark) => writes.get(mark) ?? []));
    if (own.size > 1) faults.push(`${entry.action} ${entry.subject} has the marks of ${own.size} writes`);
    for (const write of own) entries.set(write, [...(entries.get(write) ?? []), entry]);
    if (own.size === 0) unmarked.push(entry);
  }
  const signs = Map.groupBy(unmarked, signOf);
  const taken = new Map<string, Entry>();
  for (const write of told.journal) {
    if (write.mutation.recorded === undefined)
      faults.push(...entryFaults(write, { own: entries.get(write) ?? [], wanted: Number(isDone(write)), told }));
    else if (isDone(write)) faults.push(...signFaults(write, { signs, taken, told }));
  }
  for (const [sign, rest] of signs)
    for (const { fields } of rest)
      faults.push(`${sign} ${shown(fields)} is in the record, and no client was told of it`);
  return faults;
}

/** Entries of a write: the expected number, in the record of the customer that it names, after the version that it names. */
function entryFaults(
  write: SentWrite,
  { own, wanted, told }: { own: readonly Entry[]; wanted: number; told: Told },
): readonly string[] {
  const faults: string[] = [];
  if (own.length !== wanted)
    faults.push(`${described(write)} was ${outcomeOf(write)}, and is in the record ${own.length} times`);
  const { expectedVersion } = write.input;
  const named = namedCustomer(write.input);
  for (const { version, subject, customerId } of own) {
    const isMerge = write.mutation.name === 'mergeCustomers';
    // After a merge, the version is later than the last one of either.
    const isLater = typeof expectedVersion === 'number' && version > expectedVersion + 1 && !isMerge;
    const isEarlier = typeof expectedVersion === 'number' && version <= expectedVersion && !write.mutation.isShared;
    // A merge's entry for the other customer has its own version.
    if ((isLater || isEarlier) && !(isMerge && named !== subject.split(':')[1]))
      faults.push(`${described(write)} has made version ${version} of ${subject}`);
    if (named !== undefined && !told.followed(named).includes(customerId))
      faults.push(`${described(write)} is in the record of Customer:${customerId}`);
  }
  return faults;
}

/** The row of the customer that an input names; undefined if it names something else. */
function namedCustomer({ customerId, keepId, id }: Input): string | undefined {
  const given = customerId ?? keepId ?? id;
  if (typeof given !== 'string') return undefined;
  return Buffer.from(given, 'base64url').toString().startsWith('Customer:') ? String(rowOf(given)) : undefined;
}

/** Removes the entries of a write without a mark from the remaining ones. */
function signFaults(
  write: SentWrite,
  { signs, taken, told }: { signs: Map<string, Entry[]>; taken: Map<string, Entry>; told: Told },
): readonly string[] {
  const kept = told.kept.get(write.key)?.given ?? '';
  const wanted = write.mutation.recorded?.(write.input, { kept, followed: told.followed }) ?? [];
  const own = wanted.flatMap((sign) => {
    const entry = (write.mutation.isShared ? taken.get(sign) : undefined) ?? signs.get(sign)?.shift();
    if (entry !== undefined) taken.set(sign, entry);
    return entry ?? [];
  });
  return entryFaults(write, { own, wanted: wanted.length, told });
}

/** There must be one key for each acknowledged write, with the outcome that its client got. */
function keysAgree({ journal, kept, followed: way }: Told): readonly string[] {
  const faults: string[] = [];
  const unsent = new Set(kept.keys());
  for (const write of journal) {
    unsent.delete(write.key);
    const row = kept.get(write.key);
    for (const answer of write.answers) {
      const agrees =
        row?.mutation === write.mutation.name &&
        (answer.userErrors.length === 0
          ? row.given !== undefined && gave(answer.given, { row: row.given, way })
          : shown(row.userErrors) === shown(answer.userErrors));
      if (!agrees) faults.push(`${described(write)} was answered ${shown(answer)}, and its key has ${shown(row?.row)}`);
    }
  }
  for (const key of unsent) faults.push(`${key} is kept, and no client has sent it`);
  return faults;
}

/** Whether a client was shown what a key has, or the customer that it was merged into; it may have been deleted. */
function gave(given: Outcome['given'], { row, way }: { row: string; way: Told['followed'] }): boolean {
  if (given === null) return true;
  if (typeof given === 'string') return given === row;
  const [type, id] = Buffer.from(given.id, 'base64url').toString().split(':');
  return type === 'Customer' ? way(row).includes(id ?? '') : id === row;
}

const FIRST_MOMENT = Date.UTC(2020, 0, 1);
const markOf = (at: unknown): string => `mark-${at instanceof Date ? at.getTime() - FIRST_MOMENT : 'none'}`;

/** What no change records is matched by the write's time: the bodies of interactions and the lines of orders. */
async function contentsAgree(connection: Connection, journal: readonly SentWrite[]): Promise<readonly string[]> {
  const contacts = await connection.query<Row[]>('SELECT id, body, occurred_at FROM interactions');
  const faults = contacts
    .filter((row) => row['body'] !== markOf(row['occurred_at']))
    .map((row) => `a contact has what another was to say: ${shown(row)}`);
  const inputs = new Map(journal.map(({ mark, input }) => [mark.text, input]));
  const lines = await connection.query<Row[]>(
    `SELECT o.id, o.placed_at, i.position, i.quantity, i.discount + 0 AS discount, p.sku, i.unit_price, p.price
     FROM orders AS o JOIN order_items AS i ON i.order_id = o.id JOIN products AS p ON p.id = i.product_id`,
  );
  for (const line of lines) {
    const items = inputs.get(markOf(line['placed_at']))?.['items'] as readonly Input[] | undefined;
    const item = items?.[Number(line['position'])];
    const { product, quantity, unitPrice = line['price'], discount = 0 } = item ?? {};
    const agrees =
      shown(product) === shown({ sku: line['sku'] }) &&
      quantity === line['quantity'] &&
      Number(unitPrice) === Number(line['unit_price']) &&
      Number(discount) === Number(line['discount']);
    if (!agrees) faults.push(`an order has a line that was not ordered: ${shown(line)}, ordered ${shown(item)}`);
  }
  return faults;
}
