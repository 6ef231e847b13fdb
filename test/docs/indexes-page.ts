import { coverageOf, chooseIndex } from '../../src/batch/index-choice.ts';
import { narrowRows } from '../../src/batch/list-shape.ts';
import { OWN_INDEXES, SEARCH_FIELD, TERM_INDEX } from '../../src/crm/customer/search/statements.ts';
import { SEARCH_TERMS } from '../../src/crm/customer/search/terms.ts';
import { TABLES } from '../../src/crm/registry.ts';
import { askedFor, listQuestions, type Question } from '../../src/explain/questions.ts';
import { createSchema } from '../../src/graphql/schema.ts';

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** A question without its order, and the order. */
function partsOf(question: Question): { readonly asked: string; readonly order: string } {
  const [, asked = '', order = ''] = /^(.*) by (\w+)$/.exec(askedFor(question)) ?? [];
  return { asked: asked === 'all' ? 'none' : asked.replaceAll(/\w+/g, '`$&`'), order };
}

const indexOf = (question: Question): string =>
  `\`${chooseIndex(question.source, question).name}\`${question.uncovered.length > 0 ? ' †' : ''}`;

/** A table with a row for each condition and pair of conditions, and a column for each order. */
function indexTable(questions: readonly Question[]): string {
  const orders = [...new Set(questions.map((question) => partsOf(question).order))];
  const lines = Map.groupBy(questions, (question) => partsOf(question).asked);
  const cell = (line: readonly Question[], order: string): string => {
    const found = line.find((question) => partsOf(question).order === order);
    return found === undefined ? '' : indexOf(found);
  };
  return [
    row(['filters', ...orders.map((order) => `by \`${order}\``)]),
    row(['---', ...orders.map(() => '---')]),
    ...[...lines].map(([asked, line]) => row([asked, ...orders.map((order) => cell(line, order))])),
  ].join('\n');
}

/** What a page reads in the worst case if its index does not cover every condition. */
function worstCase({ source, conditions, sort }: Question): string {
  const { covered, isParentCovered } = coverageOf(source, { conditions, sort });
  const names = covered.map((condition) => {
    if (condition.kind === 'owned') throw new TypeError('expected no index to cover whose the customers of rows are');
    return condition.kind === 'has' ? condition.indexTable.valueColumn : condition.column;
  });
  const parent =
    source.parent !== undefined && isParentCovered ? ` of the ${source.name.split('.')[0]?.toLowerCase()}` : '';
  const met = names.length === 0 ? '' : ` with that ${names.map((name) => `\`${name}\``).join(' and ')}`;
  return `every row of \`${source.table.name}\`${parent}${met}`;
}

/** The conditions that read more than their page, grouped by their worst case. */
function worstCases(questions: readonly Question[]): string[] {
  const reading = questions.filter(({ uncovered }) => uncovered.length > 0);
  const lines = [...Map.groupBy(reading, worstCase)].map(([worst, alike]) => {
    const asked = [...Map.groupBy(alike, (question) => partsOf(question).asked)].map(
      ([conditions, some]) => `${conditions} by ${some.map((question) => `\`${partsOf(question).order}\``).join(', ')}`,
    );
    return row([worst, asked.join('; ')]);
  });
  return lines.length === 0
    ? []
    : [[row(['† reads at worst', 'filters and order']), row(['---', '---']), ...lines].join('\n')];
}

function listSections(): string[] {
  const questions = listQuestions(createSchema());
  // One for each condition and order, since neither values nor direction affect the index.
  const different = [
    ...new Map(
      questions.toReversed().map((question) => [`${question.source.name} ${askedFor(question)}`, question]),
    ).values(),
  ];
  const shown = different
    .toReversed()
    .filter((question) => question.conditions.length < 3 && !/\(\d+\)/.test(askedFor(question)))
    .sort((a, b) => a.conditions.length - b.conditions.length);
  return [...Map.groupBy(shown, ({ source }) => source.name)].map(([name, some]) =>
    [`### ${name}`, indexTable(some), ...worstCases(some)].join('\n\n'),
  );
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
      ...Object.entries(table.redirects?.keys ?? {}).map(([name, column]) => {
        const index =
          name === 'id'
            ? `\`PRIMARY\` of \`${table.redirects?.table}\``
            : `\`${table.redirects?.table}_${column}_key\``;
        return row([`\`${table.type}\``, `\`${name}\` of a merged customer`, index]);
      }),
    ]),
  ].join('\n');

const searchTable = (): string =>
  [
    row(['what matches', 'index']),
    row(['---', '---']),
    ...Object.entries(OWN_INDEXES).map(([column, index]) => row([`the start of the ${column}`, `\`${index}\``])),
    row(['another part of the name or the phone; words in any order', `\`${TERM_INDEX}\``]),
  ].join('\n');

/** The contents of docs/indexes.md, generated from the code. */
export function indexesPage(): string {
  return `# Indexes: which list reads which index

<!-- Written by \`npm run docs:indexes\` from the code that makes the statements; a test checks that it is up to date. -->

Every statement names its index (\`FORCE INDEX\`), so the tables below show what the server does, not what it might do. An
index has the equality conditions first, then the sort column, then the id as a tie-breaker. So a page is a contiguous range of
index entries, read in either direction, and the read stops at the end of the page. \`npm run explain\` shows what the server
really reads ([more](explain.md)).

Several values of one condition (\`status: [OPEN, PENDING]\`) take one bounded read each, and the results are merged. † marks
conditions that the index does not cover. If the index of another order covers such a condition, the statement probes that one
first, up to ${narrowRows(1).toLocaleString('en-US')} entries (for several parents, fewer of each; for very many, none). If no more match, the server reads all of them, and sorts them.
Otherwise, and where no index covers the condition, it reads entries in the list's order and skips those that do not match. So a
page whose rows are at the far end of the order, or rare and without an index, may read many entries: at worst what the second
table says, until the statement is stopped after \`LIMIT_STATEMENT_MS\`. Few customers share a telephone number, so reads from a
phone index are short even with †. More than two conditions read at most what the worst two of them read. To bound one of these
reads, add an index to the type's table.ts and a migration; each index slows every write down. A count uses the index of whichever
order covers most of the conditions, and probes those of others in the same way.

## One row by its key

${keyTable()}

## What belongs to a row

Tags, addresses, order items and amounts by currency are read by the first column of their primary keys, all of a parent's rows
together: the number per parent is limited.

## Lists

${listSections().join('\n\n')}

### ${SEARCH_FIELD}

${searchTable()}

Of each further match, the customer's terms are read by the primary key of \`${SEARCH_TERMS}\`, to list it once; customers that
are listed before are skipped. [Searching](text.md#searching) says what terms are.
`;
}
