import type { ListQuery, Position } from '../batch/list-query.ts';
import type { ListLoaders } from '../batch/lists.ts';
import type { RowId } from '../batch/table.ts';
import { COUNT_BOUND } from '../batch/statements.ts';
import { parseSearchText } from '../crm/customer/filter.ts';
import { MAX_CANDIDATES, SEARCH_FIELD } from '../crm/customer/search/statements.ts';
import { customers } from '../crm/customer/table.ts';
import { createLoaders } from '../crm/registry.ts';
import { scheduleAtOnce } from '../turns.ts';
import { toEntry, type Entry } from './entries.ts';
import type { Samples } from './samples.ts';
import type { Measurement, MeasuringSession } from './session.ts';

const PAGE_SIZES = [1, 100] as const;
/** How many customers into its matches a deep page starts. */
const DEPTH = 100;
/** A match inside a name reads its index entry, its customer, and that customer's terms to see whether another is better. */
const ROWS_PER_MATCH = 64;
/** Matches of customers that have a better one are skipped. */
const SKIPPED = 100;

/** Measures every statement of a search, for each kind of text: for all customers, and for those of one agent. */
export async function* searchEntries(session: MeasuringSession, samples: Samples): AsyncGenerator<Entry> {
  const [owner] = await samples.values(customers, 'ownerId', 1);
  for (const [kind, text] of await searchTexts(samples)) {
    yield* entriesOf({ session, kind, text });
    if (owner !== undefined) yield* entriesOf({ session, kind: `${kind}, the claim owner`, text, owner });
  }
}

/** Texts of each kind that a search distinguishes. */
async function searchTexts(samples: Samples): Promise<readonly (readonly [kind: string, text: string])[]> {
  const [name = 'Maria Garcia'] = await samples.values(customers, 'name', 1);
  const [phone = '+4930123456'] = await samples.values(customers, 'phone', 1);
  const [first = name, ...rest] = name.split(/\s+/);
  return [
    ['a start of names', first.slice(0, 2)],
    ['a part of names', name.slice(1, 4).trim()],
    ['words', [...rest, first].join(' ')],
    ['short words', 'a e'],
    ['a start of emails', 'ma@'],
    ['a part of numbers', phone.slice(-4)],
    ['a national number', `0${phone.slice(3, 9)}`],
    ['an international number', phone.slice(0, 6)],
  ];
}

interface Searching {
  readonly session: MeasuringSession;
  readonly kind: string;
  readonly text: string;
  /** The agent whose customers the caller sees alone. */
  readonly owner?: RowId;
}

interface Asked {
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly maxRows: number;
}

/** The most rows that matches read: in each of three places, so many. Each prefix of a number is one more range. */
const rowsOf = (matches: number): number => 3 * (matches + SKIPPED) * ROWS_PER_MATCH + MAX_CANDIDATES * ROWS_PER_MATCH;

async function* entriesOf(searching: Searching): AsyncGenerator<Entry> {
  const { session, text } = searching;
  const query: ListQuery = { conditions: [], sort: { column: 'id', descending: false }, batchKey: '' };
  const asking = { arguments: { text }, maxRows: rowsOf(1) };
  const page = (from: Position | undefined, limit: number) => (loaders: Search) =>
    loaders.page(null, { ...query, limit, backward: false, from });
  const { rows } = await page(undefined, DEPTH)(searchOf(session.read, searching));
  const last = rows.at(-1);
  const from = last && { value: last.match, id: last.id };
  for (const size of PAGE_SIZES)
    for (const after of from === undefined ? [undefined] : [undefined, from])
      yield* measured(searching, page(after, size), {
        ...asking,
        arguments: { text, first: size, ...(after && { after: after.id }) },
        maxRows: rowsOf(size),
      });
  const seek = { from: from ?? { value: '0', id: '1' }, backward: true };
  yield* measured(searching, (loaders) => loaders.exists(null, query, seek), {
    ...asking,
    arguments: { text, after: seek.from.id },
  });
  yield* measured(searching, (loaders) => loaders.count(null, query), { ...asking, maxRows: rowsOf(COUNT_BOUND) });
}

const columnsOf = () => Object.keys(customers.columns);

type Search = ListLoaders<{ readonly id: RowId; readonly match: string }>;

function searchOf(read: MeasuringSession['read'], { text, owner }: Searching): Search {
  const loaders = createLoaders({
    db: { read },
    columnsOf,
    readsCursors: true,
    owner,
    tags: new Set<string>(),
    schedule: scheduleAtOnce,
  });
  return loaders.customerSearch(parseSearchText(text));
}

/** Sends what the loaders send, and measures it. */
async function* measured(
  searching: Searching,
  send: (loaders: Search) => Promise<unknown>,
  asked: Asked,
): AsyncGenerator<Entry> {
  const sent: Measurement[] = [];
  const read: MeasuringSession['read'] = async (statement) => {
    const measurement = await searching.session.measure(statement);
    sent.push(measurement);
    return [...measurement.rows];
  };
  await send(searchOf(read, searching));
  for (const measurement of sent)
    yield toEntry({
      asked: searching.kind,
      arguments: asked.arguments,
      parents: 1,
      // Matches that are other agents' customers are skipped, however many these are.
      maxRows: searching.owner === undefined ? asked.maxRows : Number.POSITIVE_INFINITY,
      uncovered: searching.owner === undefined ? [] : ['owner'],
      measurement: { ...measurement, rows: [] },
    });
}

/** Whether a statement's name begins as those of searches do. */
export const isOfSearch = (text: string): boolean =>
  SEARCH_FIELD.startsWith(text) || text.startsWith(`${SEARCH_FIELD} `);
