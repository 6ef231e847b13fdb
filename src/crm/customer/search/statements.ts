import { beginsWith, clauseOf, unionAll, whereAll, type Clause } from '../../../batch/clauses.ts';
import { COUNT_BOUND } from '../../../batch/statements.ts';
import type { Position } from '../../../batch/list-query.ts';
import { indexName, sqlName, type RowId } from '../../../batch/table.ts';
import type { ReadStatement } from '../../../db/database.ts';
import { customers } from '../table.ts';
import type { Search } from './search.ts';
import { SEARCH_TERMS, TERM_KINDS } from './terms.ts';

/** The field, which names its statements in metrics and its list in cursors. */
export const SEARCH_FIELD = 'Query.searchCustomers';

/** How many customers with the rarest of several words are looked at: the best matches beyond them may be missing. */
export const MAX_CANDIDATES = 5_000;
/** How many of several words are tried as the rarest, and how many customers are counted for each. */
const MAX_PROBED_WORDS = 4;
const PROBE_BOUND = 1_000;

/** The index of all terms. */
export const TERM_INDEX = indexName(SEARCH_TERMS, ['kind', 'term', 'customer_id']);
/** The index of what each column begins with. */
export const OWN_INDEXES = {
  name: indexName(customers.name, ['name', 'id']),
  email: `${customers.name}_email_key`,
  phone: indexName(customers.name, ['phone', 'id']),
} as const;
const ON_CUSTOMERS = `STRAIGHT_JOIN ${customers.name} AS t FORCE INDEX (PRIMARY) ON t.id = s.customer_id`;
const NAME_KINDS = `IN (${TERM_KINDS.nameStart}, ${TERM_KINDS.wordStart}, ${TERM_KINDS.insideWord})`;
/** Compared with terms of either column. */
const COLLATION = 'COLLATE utf8mb4_unicode_520_ci';

/** Matches of one kind: a list of its own, all of which comes before that of the next kind. */
interface Tier {
  /** Its place among the tiers of all searches, a digit. */
  readonly place: number;
  readonly from: Clause;
  readonly where: readonly Clause[];
  /** The sort columns: what has matched, and the id. */
  readonly matched: string;
  readonly id: string;
  /** For ORDER BY, which leaves out the id behind a unique column. */
  readonly order: readonly string[];
}

/** The last place: names with all words, not next to each other in this order. */
const WORDS_PLACE = 4;

/** The tiers of a search, the best first. */
function tiersOf({ search, rarest, owner }: SearchStatement): Tier[] {
  const tiers = tiersOfAll(search, rarest);
  if (owner === undefined) return tiers;
  const isOwn = clauseOf('t.owner_id = ?', BigInt(owner));
  return tiers.map((tier) => ({ ...tier, where: [...tier.where, isOwn] }));
}

/** @param rarest the word to begin with, if there are several */
function tiersOfAll(search: Search, rarest: string | undefined): Tier[] {
  const column = `t.${search.column}`;
  const starts = beginsWith(column, search.starts);
  const own: Tier = {
    place: 0,
    from: clauseOf(`FROM ${customers.name} AS t FORCE INDEX (\`${OWN_INDEXES[search.column]}\`)`),
    where: [starts],
    matched: column,
    id: 't.id',
    order: search.column === 'email' ? [column] : [column, 't.id'],
  };
  const { inside } = search;
  if (inside === undefined) return [own];
  const isElsewhere = [not(starts)];
  const terms = inside.kinds.map((kind): Tier => {
    return {
      place: kind,
      from: clauseOf(`FROM ${SEARCH_TERMS} AS s FORCE INDEX (\`${TERM_INDEX}\`) ${ON_CUSTOMERS}`),
      where: [
        clauseOf(`s.kind = ${kind}`),
        beginsWith('s.term', [inside.text]),
        ...isElsewhere,
        // Other programs may have changed the customer.
        clauseOf(`LOCATE(s.term, ${column}) > 0`),
        // Each customer once, with its best match.
        termOf(
          inside.text,
          `BETWEEN ${inside.kinds[0]} AND ${kind} AND (q.kind < s.kind OR q.term < s.term)`,
          'IS NULL',
        ),
      ],
      matched: 's.term',
      id: 's.customer_id',
      order: ['s.term', 's.customer_id'],
    };
  });
  if (rarest === undefined) return [own, ...terms];
  const others = [...isElsewhere, termOf(inside.text, NAME_KINDS, 'IS NULL')];
  return [own, ...terms, wordsTier(search.words, rarest, others)];
}

/**
 * Whether the customer `s.customer_id` has a term that begins with a text. Not EXISTS, for which MariaDB may decide to read the
 * terms of all customers at once.
 */
function termOf(text: string, kinds: string, found: 'IS NULL' | 'IS NOT NULL'): Clause {
  const { sql, values } = beginsWith('q.term', [text]);
  const select = `SELECT 1 FROM ${SEARCH_TERMS} AS q FORCE INDEX (PRIMARY)`;
  return clauseOf(
    `(${select} WHERE q.customer_id = s.customer_id AND ${sql} AND q.kind ${kinds} LIMIT 1) ${found}`,
    ...values,
  );
}

/** Unlike NOT, this keeps MySQL from working out ranges of an index that it is not going to use. */
const not = ({ sql, values }: Clause): Clause => ({ sql: `(${sql}) IS NOT TRUE`, values });

/** Names with all words, beginning with those that have the rarest one. */
function wordsTier(words: readonly string[], rarest: string, others: readonly Clause[]): Tier {
  const candidates = beginsWith('c.term', [rarest]);
  return {
    place: WORDS_PLACE,
    from: {
      sql: `FROM (SELECT DISTINCT c.customer_id FROM ${SEARCH_TERMS} AS c FORCE INDEX (\`${TERM_INDEX}\`)
        WHERE c.kind ${NAME_KINDS} AND ${candidates.sql} LIMIT ${MAX_CANDIDATES}) AS s ${ON_CUSTOMERS}`,
      values: candidates.values,
    },
    where: [
      ...words.filter((word) => word !== rarest).map((word) => termOf(word, NAME_KINDS, 'IS NOT NULL')),
      ...others,
    ],
    matched: 't.name',
    id: 't.id',
    order: ['t.name', 't.id'],
  };
}

/** A row's place in the order: its tier, and what has matched. */
export interface Match {
  readonly place: number;
  readonly matched: string;
}

/** A match as the sort value of cursors. */
export const matchText = ({ place, matched }: Match): string => `${place}${matched}`;
export const isMatchText = (value: unknown): boolean => typeof value === 'string' && /^[0-4]/.test(value);
const parseMatch = (value: Position['value']): Match => {
  const text = String(value);
  return { place: Number(text.slice(0, 1)), matched: text.slice(1) };
};

/** What a statement of a search is about. */
export interface SearchStatement {
  readonly search: Search;
  /** The word to begin with, if the search has several. */
  readonly rarest: string | undefined;
  /** The agent whose customers are the only ones to be found; undefined for all. */
  readonly owner?: RowId | undefined;
}

/** A page: rows as the columns, the tier's place and what has matched. The best matches come first. */
export function searchPage(
  statement: SearchStatement,
  { columns, limit, from }: { columns: readonly string[]; limit: number; from: Position | undefined },
): ReadStatement {
  const select = columns.map((name) => `t.${sqlName(customers, name)}`).join(', ');
  const parts = beyond(tiersOf(statement), from && { from, backward: false }).map((tier) => {
    const where = whereAll(tier.where);
    return clauseOf(
      `SELECT ${select}, ${tier.place} AS place, ${tier.matched} ${COLLATION} AS matched ${tier.from.sql}${where.sql}
        ORDER BY ${tier.order.join(', ')} LIMIT ?`,
      ...tier.from.values,
      ...where.values,
      BigInt(limit),
    );
  });
  return { name: `${SEARCH_FIELD} page`, ...firstOf(parts, limit) };
}

/** The first rows of SELECTs, each of which is limited already, one SELECT after the other. */
function firstOf(parts: readonly Clause[], limit: number): Clause {
  const { sql, values } = unionAll(parts);
  return parts.length === 1 ? { sql, values } : clauseOf(`${sql} LIMIT ?`, ...values, BigInt(limit));
}

/** One or more rows if there is any row at a position or before it (or, unless `backward`, at it or behind it). */
export function searchExists(
  statement: SearchStatement,
  seek: { readonly from: Position; readonly backward: boolean },
): ReadStatement {
  const parts = beyond(tiersOf(statement), { ...seek, inclusive: true }).map((tier) => anyOf(tier, 1));
  return { name: `${SEARCH_FIELD} exists`, ...unionAll(parts) };
}

/** The number of matches, at most `COUNT_BOUND` + 1. */
export function searchCount(statement: SearchStatement): ReadStatement {
  const limit = COUNT_BOUND + 1;
  const parts = tiersOf(statement).map((tier) => anyOf(tier, limit));
  const rows = firstOf(parts, limit);
  return { name: `${SEARCH_FIELD} count`, sql: `SELECT COUNT(*) FROM (${rows.sql}) AS c`, values: rows.values };
}

/** For each of the longest words, how many terms begin with it, up to a bound: rows of (the word's number, count). */
export function wordCounts(words: readonly string[]): { readonly statement: ReadStatement; readonly probed: string[] } {
  const probed = words.toSorted((a, b) => b.length - a.length).slice(0, MAX_PROBED_WORDS);
  const parts = probed.map((word, i) => {
    const term = beginsWith('c.term', [word]);
    return clauseOf(
      `SELECT ${i} AS word, COUNT(*) AS n FROM (SELECT 1 AS one FROM ${SEARCH_TERMS} AS c FORCE INDEX (\`${TERM_INDEX}\`)
        WHERE c.kind ${NAME_KINDS} AND ${term.sql} LIMIT ${PROBE_BOUND}) AS w`,
      ...term.values,
    );
  });
  return { statement: { name: `${SEARCH_FIELD} words`, ...unionAll(parts) }, probed };
}

function anyOf(tier: Tier, limit: number): Clause {
  const where = whereAll(tier.where);
  return clauseOf(`SELECT 1 AS one ${tier.from.sql}${where.sql} LIMIT ${limit}`, ...tier.from.values, ...where.values);
}

/** What is left of the tiers behind a position, or before it if `backward`. */
function beyond(
  tiers: readonly Tier[],
  seek: { readonly from: Position; readonly backward: boolean; readonly inclusive?: boolean } | undefined,
): Tier[] {
  if (seek === undefined) return [...tiers];
  const { from, backward, inclusive = false } = seek;
  const { place, matched } = parseMatch(from.value);
  const than = backward ? '<' : '>';
  return tiers
    .filter((tier) => tier.place === place || tier.place < place === backward)
    .map((tier) => {
      if (tier.place !== place) return tier;
      const sql = `(${tier.matched} ${than} ? OR (${tier.matched} = ? AND ${tier.id} ${than}${inclusive ? '=' : ''} ?))`;
      return { ...tier, where: [...tier.where, clauseOf(sql, matched, matched, BigInt(from.id))] };
    });
}
