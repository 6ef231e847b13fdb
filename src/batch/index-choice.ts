import type { Condition, ListQuery, ListSource, SideTable } from './conditions.ts';
import { indexName, type Table } from './table.ts';

type ConditionOf<Kind extends Condition['kind']> = Extract<Condition, { kind: Kind }>;

/** The index that a list is read from. */
export interface IndexChoice {
  readonly name: string;
  /** The table that the index is on, where it is not the list's own. */
  readonly side: SideTable | undefined;
  /** The list's columns that the index holds, in its order, less the closing id; a side table's label is none of them. */
  readonly columns: readonly string[];
  /** Equalities that the index begins with; of several values each is a bounded read of its own. */
  readonly prefix: readonly ConditionOf<'in'>[];
  /** Whether each value of the order's column is in one row at most, but for nulls, so that there are no ties. */
  readonly isUnique: boolean;
}

type Asked = Pick<ListQuery, 'conditions' | 'sort'>;

/**
 * The index that gives the order, with the parent and as many equalities before it as there are. Named in the
 * statement, since a plan that the server finds cheaper by its statistics may read the whole list.
 */
export function chooseIndex(source: ListSource, query: Asked): IndexChoice {
  const labelled = query.conditions.find((condition) => condition.kind === 'labelled');
  return labelled === undefined ? ownIndex(source, query) : sideIndex(source, query, labelled.side);
}

function ownIndex({ table, parent }: ListSource, { conditions, sort: { column: sort } }: Asked): IndexChoice {
  const choice = (columns: readonly string[], prefix: IndexChoice['prefix']): IndexChoice => ({
    name: sortedIndexName(table, columns),
    side: undefined,
    columns,
    prefix,
    isUnique: false,
  });
  const lead = parent === undefined ? [] : [parent];
  const equalities = conditions.filter((condition) => condition.kind === 'in');
  // A value that few rows have finds them sooner than anything else does.
  const rare = equalities.find((condition) => table.rare?.includes(condition.column) === true);
  if (rare !== undefined) return choice([rare.column, sort], [rare]);
  const pairs = equalities.flatMap((a) => equalities.filter((b) => b !== a).map((b) => [a, b]));
  for (const prefix of [...pairs, ...equalities.map((a) => [a])]) {
    const columns = [...lead, ...prefix.map((condition) => condition.column), sort];
    if (table.indexes.some((index) => index.join() === columns.join())) return choice(columns, prefix);
  }
  if (lead.length === 0 && table.uniques.includes(sort))
    return { ...choice([sort], []), name: `${table.name}_${table.columns[sort]?.sql ?? sort}_key`, isUnique: true };
  return choice([...lead, sort], []);
}

/** Of the side table, which has the label before the order, and before it what the list may be narrowed to. */
function sideIndex({ table, parent }: ListSource, { conditions, sort }: Asked, side: SideTable): IndexChoice {
  const isLead = (condition: Condition): condition is ConditionOf<'in'> =>
    condition.kind === 'in' && condition.column === side.lead;
  const prefix = parent === undefined ? conditions.filter(isLead) : [];
  const lead = parent === side.lead || prefix.length > 0 ? [side.lead] : [];
  const sqlName = (name: string): string => table.columns[name]?.sql ?? name;
  return {
    name: indexName(side.name, [...lead.map(sqlName), side.label, sqlName(sort.column), side.key]),
    side,
    columns: [...lead, sort.column],
    prefix,
    isUnique: false,
  };
}

const sortedIndexName = (table: Table, columns: readonly string[]): string =>
  indexName(table.name, [...columns.map((name) => table.columns[name]?.sql ?? name), 'id']);

/** The order in which a list is counted. Any will do: the one whose index holds the most of the conditions. */
export function countingSort(source: ListSource, query: Asked): ListQuery['sort'] {
  const passedOver = (sort: ListQuery['sort']): number => heldConditions(source, { ...query, sort }).passedOver.length;
  if (passedOver(query.sort) === 0) return query.sort;
  const lead = source.parent === undefined ? [] : [source.parent];
  const orders = source.table.indexes
    .filter((index) => index.length === lead.length + 1 && index.slice(0, -1).join() === lead.join())
    .flatMap((index) => index.slice(-1).map((column) => ({ column, descending: false })));
  return orders.reduce((best, sort) => (passedOver(sort) < passedOver(best) ? sort : best), query.sort);
}

/** The conditions of a list, told apart by whether its index holds them. */
export interface HeldConditions {
  readonly held: readonly Condition[];
  readonly isParentHeld: boolean;
  /**
   * The columns of the rest, the parent's among them: entries are read in the order asked, and those that do not meet
   * these are passed over. None: a page reads no more than the page.
   */
  readonly passedOver: readonly string[];
}

/** Which conditions of a list its index holds. */
export function heldConditions(source: ListSource, query: Asked): HeldConditions {
  const { columns, side, prefix } = chooseIndex(source, query);
  const isHeld = (condition: Condition): boolean => {
    switch (condition.kind) {
      case 'labelled':
        return side === condition.side;
      case 'in':
        // A parent of the same column has that value or no rows at all.
        return prefix.includes(condition) || (condition.column === source.parent && columns.includes(source.parent));
      case 'range':
      case 'startsWith':
        return condition.column === query.sort.column;
    }
  };
  const isParentHeld = source.parent === undefined || columns.includes(source.parent);
  const rest = query.conditions.filter((condition) => !isHeld(condition));
  const names = rest.map((condition) => (condition.kind === 'labelled' ? condition.side.label : condition.column));
  return {
    held: query.conditions.filter(isHeld),
    isParentHeld,
    passedOver: [...new Set(source.parent === undefined || isParentHeld ? names : [source.parent, ...names])],
  };
}
