import type { Condition, ListQuery, Position } from '../batch/list-query.ts';
import { chooseIndex, countingSort, coverageOf } from '../batch/index-choice.ts';
import type { ListLoaders } from '../batch/lists.ts';
import type { Loaders } from '../crm/context.ts';
import { createLoaders } from '../crm/registry.ts';
import { scheduleAtOnce } from '../turns.ts';
import { maxRowsOfCount, maxRowsOfLook, maxRowsOfPage, toEntry, type Entry, type RunsOfEntries } from './entries.ts';
import { kept } from './kept.ts';
import { askedFor, type Question } from './questions.ts';
import type { Samples } from './samples.ts';
import type { Measurement, MeasuringSession } from './session.ts';
import { WorstCases } from './worst-cases.ts';

const PAGE_SIZES = [1, 100] as const;
const MAX_PAGE = 100;
const MANY_PARENTS = 20;
/** How far into its list a deep page starts. */
const DEPTH = 1_000;

type Parents = readonly (string | null)[];

/** A statement to measure for a question. */
interface Ask {
  readonly parents: Parents;
  /** The page's arguments, as clients give them. */
  readonly page: Readonly<Record<string, unknown>>;
  /** What the statement depends on besides the question and the parents: equal ones are measured once. */
  readonly key: readonly unknown[];
  /** The maximum number of rows that it may read, given how many it has found. */
  readonly maxRows: (found: number) => number;
  readonly uncovered?: readonly string[];
}

/** Measures questions about lists with every kind of page, count and look-up in either direction. */
export class ListRuns {
  readonly #session: MeasuringSession;
  readonly #samples: Samples;
  readonly #measured = new Map<string, Promise<{ measurement: Measurement; found: number }>>();
  readonly #positions = new Map<string, Promise<readonly Position[]>>();
  readonly #shapes = new Set<string>();
  readonly #worstCases: WorstCases;

  constructor(session: MeasuringSession, samples: Samples) {
    this.#session = session;
    this.#samples = samples;
    this.#worstCases = new WorstCases(session);
  }

  /**
   * Measures every statement that a question can cause. If its index does not cover every condition, only one page and a count
   * are measured; if an earlier question differed only in a value, only one page.
   */
  async *run(question: Question): AsyncGenerator<Entry> {
    const conditions = await this.#samples.conditions(question.source, question.conditions);
    const run = new ListRun(question, conditions);
    const many = await this.#parentsOf(question);
    const one = many.slice(0, 1);
    const isKnown = this.#shapes.has(run.shape);
    this.#shapes.add(run.shape);
    if (isKnown && question.uncovered.length === 0) {
      yield await this.#page(run, one, { size: MAX_PAGE, backward: false, from: undefined });
      return;
    }
    if (question.uncovered.length > 0) {
      const worst = await this.#worstCases.read(run, question.sort, one);
      yield await this.#page(run, one, { size: MAX_PAGE, backward: false, from: undefined, worst });
      yield await this.#count(run, one);
      return;
    }
    const deep = await kept(this.#positions, run.key, () => this.#deepPositions(run, one[0] ?? null));
    for (const backward of [false, true]) {
      for (const size of PAGE_SIZES) {
        for (const from of [undefined, ...deep]) yield await this.#page(run, one, { size, backward, from });
        // A cursor belongs to one parent's list, so many parents have only first pages.
        if (many.length > 1) yield await this.#page(run, many, { size, backward, from: undefined });
      }
      for (const from of deep) yield await this.#look(run, one, { backward, from });
    }
    yield await this.#count(run, one);
    if (many.length > 1) yield await this.#count(run, many);
  }

  async #parentsOf({ source }: Question): Promise<Parents> {
    if (source.parent === undefined) return [null];
    const found = await this.#samples.parents(source, MANY_PARENTS);
    return found.length === 0 ? ['1'] : found;
  }

  #page(run: ListRun, parents: Parents, page: PageBounds): Promise<Entry> {
    const { size, backward, from, worst } = page;
    const query = { ...run.query, limit: size, backward, from };
    const ask: Ask = {
      parents,
      page: { [backward ? 'last' : 'first']: size, ...(from && { [backward ? 'before' : 'after']: from.id }) },
      // Backward in one order is forward in the other: the same statement.
      key: ['page', run.query.sort.descending !== backward, size, from],
      maxRows: () => (worst ?? 0) + parents.length * maxRowsOfPage(size, run.runs),
      uncovered: run.question.uncovered,
    };
    return this.#entry(run, ask, (loaders) => Promise.all(parents.map((parent) => loaders.page(parent, query))));
  }

  /** Whether there is anything on the other side of a page's cursor. */
  #look(run: ListRun, parents: Parents, seek: { backward: boolean; from: Position }): Promise<Entry> {
    const ask: Ask = {
      parents,
      page: { [seek.backward ? 'after' : 'before']: seek.from.id },
      key: ['exists', run.query.sort.descending !== seek.backward, seek.from],
      maxRows: () => parents.length * maxRowsOfLook(run.runs),
    };
    return this.#entry(run, ask, (loaders) =>
      Promise.all(parents.map((parent) => loaders.exists(parent, run.query, seek))),
    );
  }

  async #count(run: ListRun, parents: Parents): Promise<Entry> {
    const { source } = run.question;
    const sort = countingSort(source, run.query);
    const { uncovered } = coverageOf(source, { ...run.query, sort });
    const owned = await this.#worstCases.owned(run);
    const read = owned?.all ?? (uncovered.length === 0 ? undefined : await this.#worstCases.read(run, sort, parents));
    const ask: Ask = {
      parents,
      page: {},
      key: ['count'],
      maxRows: (found) => maxRowsOfCount({ found, read, parents: parents.length }, run.runs),
      uncovered,
    };
    return this.#entry(run, ask, (loaders) => Promise.all(parents.map((parent) => loaders.count(parent, run.query))));
  }

  async #entry(
    run: ListRun,
    ask: Ask,
    send: (loaders: ListLoaders<unknown>) => Promise<readonly unknown[]>,
  ): Promise<Entry> {
    const { measurement, found } = await kept(
      this.#measured,
      JSON.stringify([run.key, ask.key, ask.parents]),
      async () => {
        let sent: Measurement | undefined;
        const loaders = run.loaders(async (statement) => {
          sent = await this.#session.measure(statement);
          return [...sent.rows];
        }, Object.keys(run.question.source.table.columns));
        const results = await send(loaders);
        if (sent === undefined) throw new Error(`${run.key}: expected a statement, none was sent`);
        const counts = results.filter((result) => typeof result === 'number');
        const counted = counts.reduce((sum, count) => sum + count, 0);
        // Drops the rows, which are no longer needed: there are thousands of pages.
        const rowsReturned = counts.length === 0 ? sent.rowsReturned : counted;
        return { measurement: { ...sent, rows: [], rowsReturned }, found: counted };
      },
    );
    return toEntry({
      asked: askedFor(run.question),
      arguments: { ...run.question.arguments, ...ask.page },
      parents: ask.parents.length,
      maxRows: ask.maxRows(found),
      uncovered: ask.uncovered ?? [],
      measurement,
    });
  }

  /** A row deep in a list, or one from either end if rows at one end may have no value. */
  async #deepPositions(run: ListRun, parent: string | null): Promise<readonly Position[]> {
    const { column } = run.question.sort;
    const isNullable = run.question.source.table.columns[column]?.nullable === true;
    const loaders = run.loaders(this.#session.read, ['id']);
    const found = await Promise.all(
      (isNullable ? [false, true] : [false]).map(async (descending): Promise<Position[]> => {
        const query = { ...run.query, sort: { column, descending }, batchKey: String(descending) };
        const { rows } = await loaders.page(parent, { ...query, limit: DEPTH, backward: false, from: undefined });
        const row = rows.at(-1) as (Readonly<Record<string, Position['value']>> & { id: string }) | undefined;
        return row === undefined ? [] : [{ value: row[column] ?? null, id: row.id }];
      }),
    );
    return found.flat();
  }
}

interface PageBounds {
  readonly size: number;
  readonly backward: boolean;
  readonly from: Position | undefined;
  /** The worst case if the index does not cover every condition. */
  readonly worst?: number;
}

function nameOf(condition: Condition): string {
  if (condition.kind === 'has') return condition.indexTable.name;
  return condition.kind === 'owned' ? 'owner' : condition.column;
}

/** A question with real values. */
class ListRun {
  readonly key: string;
  /** The same for questions that differ only in values. */
  readonly shape: string;
  readonly question: Question;
  readonly query: ListQuery;
  readonly runs: RunsOfEntries;

  constructor(question: Question, conditions: readonly Condition[]) {
    this.question = question;
    this.query = { conditions, sort: question.sort, batchKey: '' };
    const { prefix } = chooseIndex(question.source, this.query);
    // Each entry leads to a row of an index table, or of the customer; these, MariaDB looks up in a temporary table first.
    const more = { has: 1, owned: 2, in: 0, range: 0, startsWith: 0 } as const;
    const joined = conditions.reduce((sum, { kind }) => sum + more[kind], 0);
    const runs = prefix.reduce((product, { values }) => product * values.length, 1);
    const starts = conditions.map((condition) => (condition.kind === 'startsWith' ? condition.texts.length : 1));
    this.runs = { runs, rowsAnEntry: 1 + joined, spans: Math.max(1, ...starts) };
    this.key = JSON.stringify([question.loader, question.sort.column, conditions]);
    const names = conditions.map((condition) => [
      ...Object.keys(condition).filter((name) => condition[name as keyof Condition] !== null),
      nameOf(condition),
      'values' in condition ? condition.values.length : 1,
    ]);
    this.shape = JSON.stringify([question.loader, question.sort, names]);
  }

  /** The list's loaders, as in a request that asks for some columns. */
  loaders(read: MeasuringSession['read'], columns: readonly string[]): ListLoaders<unknown> {
    const batch = {
      db: { read },
      columnsOf: () => columns,
      readsCursors: true,
      tags: new Set<string>(),
      schedule: scheduleAtOnce,
    };
    const loaders: Loaders = createLoaders(batch);
    return loaders[this.question.loader] as ListLoaders<unknown>;
  }
}
