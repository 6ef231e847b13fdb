import { isEnumType, isInputObjectType } from 'graphql';
import type { Condition } from '../../src/batch/conditions.ts';
import { pageStatement, type ListSource } from '../../src/batch/statements.ts';
import type { Table } from '../../src/batch/table.ts';
import type { ListRequest } from '../../src/connection/connection.ts';
import { customerConditions, customerSort, searchRequest } from '../../src/crm/customer/lists.ts';
import { isOneOf, BY_NAME, NEWEST_FIRST } from '../../src/crm/filters.ts';
import { globalId } from '../../src/crm/global-id.ts';
import { orderConditions, orderSort } from '../../src/crm/order/lists.ts';
import { createLoaders, TABLES } from '../../src/crm/registry.ts';
import { ticketConditions, ticketSort } from '../../src/crm/ticket/lists.ts';
import type { CustomerOrderField, OrderOrderField, TicketOrderField } from '../../src/generated/graphql.ts';
import { createSchema } from '../../src/graphql/schema.ts';

type Sort = ListRequest['sort'];

interface Filter {
  readonly name: string;
  readonly conditions: readonly Condition[];
}

/** What the lists of a type can be asked for. */
interface Kind {
  readonly sorts: readonly Sort[];
  readonly filters: readonly Filter[];
}

const schema = createSchema();
const span = { from: '2026-01-01T00:00:00.000Z' };

const EXAMPLES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  CustomerFilter: {
    status: ['ACTIVE'],
    ownerId: globalId('Agent', '1'),
    tag: 'vip',
    nameStartsWith: 'Ma',
    phone: '+4930123456',
    createdAt: span,
    updatedAt: span,
  },
  OrderFilter: { status: ['PAID'], placedAt: span, updatedAt: span },
  TicketFilter: { status: ['OPEN'], priority: ['HIGH'], openedAt: span, updatedAt: span },
};

/** Each condition of a filter alone, and each pair of equalities. */
function filtersOf(input: string, conditionsOf: (filter: object) => Condition[]): Filter[] {
  const type = schema.getType(input);
  if (!isInputObjectType(type)) throw new Error(`the schema has no ${input}`);
  const examples = EXAMPLES[input] ?? {};
  const alone = Object.keys(type.getFields()).map((field) => {
    const conditions = conditionsOf({ [field]: examples[field] });
    if (conditions.length === 0) throw new Error(`${input}.${field}: give it an example here`);
    return { field, name: `\`${field}\``, conditions };
  });
  const equal = alone.filter(({ conditions }) => conditions.every(({ kind }) => kind === 'in'));
  const pairs = equal.flatMap((a, i) =>
    equal.slice(i + 1).map((b) => ({
      name: `${a.name} and ${b.name}`,
      conditions: conditionsOf({ [a.field]: examples[a.field], [b.field]: examples[b.field] }),
    })),
  );
  return [...alone, ...pairs];
}

/** Each order of a list, by the name that clients know it by. */
function sortsOf(enumeration: string, sortOf: (field: string) => Sort): readonly Sort[] {
  const type = schema.getType(enumeration);
  if (!isEnumType(type)) throw new Error(`the schema has no ${enumeration}`);
  return type.getValues().map(({ name }) => Object.assign(sortOf(name), { name }));
}

const plain = (sort: Sort, filters: readonly Filter[] = []): Kind => ({
  sorts: [{ ...sort, name: sort.name.replace(/ (ASC|DESC)$/, '') }],
  filters,
});

const KINDS: Readonly<Record<string, Kind>> = {
  Customer: {
    sorts: sortsOf('CustomerOrderField', (field) =>
      customerSort({ field: field as CustomerOrderField, direction: 'ASC' }),
    ),
    filters: filtersOf('CustomerFilter', customerConditions),
  },
  Order: {
    sorts: sortsOf('OrderOrderField', (field) => orderSort({ field: field as OrderOrderField, direction: 'ASC' })),
    filters: filtersOf('OrderFilter', orderConditions),
  },
  Ticket: {
    sorts: sortsOf('TicketOrderField', (field) => ticketSort({ field: field as TicketOrderField, direction: 'ASC' })),
    filters: filtersOf('TicketFilter', ticketConditions),
  },
  Agent: plain(BY_NAME),
  Product: plain(BY_NAME),
  Interaction: plain(NEWEST_FIRST, [{ name: '`kind`', conditions: isOneOf('kind', ['CALL']) }]),
  Change: plain(NEWEST_FIRST),
};

/** The indexes that a page of a list names in its statement. */
function indexOf(source: ListSource, conditions: readonly Condition[], sort: Sort): string {
  const query = { conditions, sort, signature: '', limit: 1, backward: false, from: undefined };
  const { sql } = pageStatement(source, query, { columns: ['id'], parents: ['1'] });
  const name = /FORCE INDEX \(`(\w+)`\)/.exec(sql)?.[1];
  if (name === undefined) throw new Error(`${source.name}: its statement names no index: ${sql}`);
  return name;
}

/** Whether every condition is met by the index itself: by its leading columns, or as a range of the order's column. */
function isServed(table: Table, index: string, conditions: readonly Condition[]): boolean {
  return conditions.every((condition) => {
    if (condition.kind === 'labelled') return index.startsWith(`${condition.side.name}_${condition.side.label}_`);
    const column = table.columns[condition.column]?.sql ?? condition.column;
    return `_${index.slice(table.name.length)}`.includes(`_${column}_`);
  });
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function tableOf(source: ListSource, { sorts, filters }: Kind): string {
  const cell = (filter: Filter, sort: Sort): string => {
    const index = indexOf(source, filter.conditions, sort);
    return `\`${index}\`${isServed(source.table, index, filter.conditions) ? '' : ' †'}`;
  };
  const all = [{ name: 'no condition', conditions: [] }, ...filters];
  return [
    row(['asked for', ...sorts.map((sort) => `by \`${sort.name}\``)]),
    row(['---', ...sorts.map(() => '---')]),
    ...all.map((filter) => row([filter.name, ...sorts.map((sort) => cell(filter, sort))])),
  ].join('\n');
}

function searchTable(source: ListSource): string {
  const texts = { 'an `@`: start of the email': 'a@', 'four digits or more: start of the phone': '+4930', name: 'Ma' };
  const rows = Object.entries(texts).map(([name, text]) => {
    const { conditions, sort } = searchRequest(text);
    return row([name === 'name' ? 'else: start of the name' : name, `\`${indexOf(source, conditions, sort)}\``]);
  });
  return [row(['text with', 'index']), row(['---', '---']), ...rows].join('\n');
}

/** The sources of every list that there is a loader for. */
function listSources(): ListSource[] {
  const loaders = createLoaders({ db: { read: () => Promise.resolve([]) }, columnsOf: () => ['id'] });
  // Getters of the class: each type's loaders are made when they are first asked for.
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(loaders)).filter((name) => name !== 'constructor');
  const all = names.map((name) => loaders[name as keyof typeof loaders]);
  const sources = all.flatMap((loader) => ('source' in loader ? [loader.source] : []));
  if (sources.length === 0) throw new Error('no list has a loader');
  return sources;
}

function listSections(): string[] {
  return listSources().map((source) => {
    const kind = KINDS[source.table.type];
    if (kind === undefined)
      throw new Error(`${source.name}: say here what lists of ${source.table.type} can be asked for`);
    const table = source.name === 'Query.searchCustomers' ? searchTable(source) : tableOf(source, kind);
    return `### ${source.name}\n\n${table}`;
  });
}

const keyTable = (): string =>
  [
    row(['type', 'by', 'index']),
    row(['---', '---', '---']),
    ...TABLES.flatMap((table) => [
      row([`\`${table.type}\``, '`id`', `\`PRIMARY\` of \`${table.name}\``]),
      ...table.uniques.map((name) =>
        row([`\`${table.type}\``, `\`${name}\``, `\`${table.name}_${table.columns[name]?.sql}_key\``]),
      ),
    ]),
  ].join('\n');

/** The page docs/indexes.md, as the code has it. */
export function indexesPage(): string {
  return `# Indexes: which one serves what

<!-- Written by \`npm run docs:indexes\` from the code that makes the statements; a test holds it up to date. -->

Every statement names its index (\`FORCE INDEX\`), so this table is what the server does and not what it might do. An
index holds the equalities first, then the column of the order, then the id, which breaks ties and closes every index: a
page is then a run of entries in the index, read in either direction, and ends with the page. Which rows were read is
counted by the server itself in test/queries/rows.test.ts.

Several values of one condition (\`status: [OPEN, PENDING]\`) are one bounded read each, merged. † marks a
condition that its index does not hold: entries are read in the order asked, those that do not meet it are passed over,
and a page of rare rows may read many, up to the time that a statement may take (\`LIMIT_STATEMENT_MS\`). To bound one of
these, add its index to the type's table.ts and a migration; each index costs every write.

## One row by its key

${keyTable()}

## What belongs to a row

Tags, addresses, order items and amounts by currency are read by the first column of their primary keys, all of a parent
together: there is a bound on how many a parent may have.

## Lists

${listSections().join('\n\n')}
`;
}
