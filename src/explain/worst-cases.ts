import type { Condition, ListQuery, ListSource } from '../batch/list-query.ts';
import { coverageOf, narrowingSorts } from '../batch/index-choice.ts';
import { narrowRows } from '../batch/list-shape.ts';
import { countStatement } from '../batch/statements.ts';
import { customers } from '../crm/customer/table.ts';
import type { RunsOfEntries } from './entries.ts';
import { kept } from './kept.ts';
import type { Question } from './questions.ts';
import type { MeasuringSession } from './session.ts';

/** How many rows are counted at most to find a worst case; more would take too long on a table in use. */
const MAX_COUNTED = 1_000_000;

type Parents = readonly (string | null)[];

/** Each customer's entry, the look-up of its rows, and their end. */
const ownedReads = (customersRead: number, rowsRead: number): number => 3 * customersRead + rowsRead;

/** A question with real values. */
interface RunOfList {
  readonly question: Question;
  readonly query: ListQuery;
  readonly runs: RunsOfEntries;
}

/** What statements read in the worst case whose index does not cover every condition, found by counting rows in the database. */
export class WorstCases {
  readonly #session: MeasuringSession;
  readonly #kept = new Map<string, Promise<number>>();

  constructor(session: MeasuringSession) {
    this.#session = session;
  }

  /**
   * How many entries and rows are read in the worst case: all that the order's index has, or all that a filter's index has if those
   * are few, and for each SELECT a probe of each such index.
   */
  async read(run: RunOfList, sort: ListQuery['sort'], parents: Parents): Promise<number> {
    const { runs, rowsAnEntry, spans } = run.runs;
    const others = narrowingSorts(run.question.source, { ...run.query, sort });
    const narrow = narrowRows(parents.length);
    const own = await this.#worstCase(run, sort, parents);
    const windows: number[] = [];
    for (const other of others) windows.push(await this.#worstCase(run, other, parents));
    const probes = windows.reduce((sum, window) => sum + Math.min(window, narrow) + runs * spans, 0);
    const few = windows.find((window) => window <= narrow);
    // Rows to sort may be written to a temporary table, and read from it, before they are read in order.
    const read = few === undefined ? own * rowsAnEntry : few * (rowsAnEntry + 2);
    const owned = await this.owned(run);
    if (owned === undefined) return read + probes * (runs + others.length);
    return (owned.few ?? read) + (probes + owned.probe) * (runs + others.length + 1);
  }

  /**
   * What is read to find the rows of an agent's customers by these: all of them, all of them in order if they are few, and to find out
   * whether they are. Undefined for other questions.
   */
  async owned(run: RunOfList): Promise<{ all: number; few: number | undefined; probe: number } | undefined> {
    const { source, sort } = run.question;
    const rule = run.query.conditions.find(({ kind }) => kind === 'owned');
    if (rule?.kind !== 'owned' || source.parent !== undefined) return undefined;
    const list = { name: 'customers', table: customers, parent: undefined };
    const theirs = { kind: 'in', column: 'ownerId', values: [rule.owner] } as const;
    const count = (of: ListSource, condition: Condition, column: string) =>
      this.#countAll(of, { conditions: [condition], sort: { column, descending: false } });
    const [most, rows] = [await count(list, theirs, 'createdAt'), await count(source, rule, sort.column)];
    const narrow = narrowRows(run.runs.runs);
    return {
      all: ownedReads(most, rows),
      few: most <= narrow && rows <= narrow ? ownedReads(most, rows) + 2 * rows : undefined,
      probe: ownedReads(Math.min(most, narrow + 1), Math.min(rows, narrow + 1)),
    };
  }

  /** How many entries an index has for the conditions that it covers; Infinity if too many to count. */
  #worstCase(run: RunOfList, sort: ListQuery['sort'], parents: Parents): Promise<number> {
    const { source } = run.question;
    const query = { ...run.query, sort };
    const { covered, isParentCovered } = coverageOf(source, query);
    const key = JSON.stringify([run.question.loader, sort.column, covered, parents]);
    const all = isParentCovered ? source : { ...source, parent: undefined };
    return kept(this.#kept, key, () =>
      this.#countAll(all, { ...query, conditions: covered }, isParentCovered ? parents : [null]),
    );
  }

  /** How many rows there are; Infinity if too many to count. */
  async #countAll(source: ListSource, query: Omit<ListQuery, 'batchKey'>, parents: Parents = [null]): Promise<number> {
    const statement = countStatement(source, { ...query, batchKey: '' }, { parents, limit: MAX_COUNTED });
    const { error, rows } = await this.#session.measure(statement);
    const entries = Number(rows[0]?.[1] ?? 0);
    return error !== undefined || entries >= MAX_COUNTED ? Number.POSITIVE_INFINITY : entries;
  }
}
