import { getHeapStatistics } from 'node:v8';
import { getIntrospectionQuery, getNamedType, isAbstractType } from 'graphql';
import { ANYBODY } from '../../src/access/caller.ts';
import { parseConfig } from '../../src/config.ts';
import { createDocuments } from '../../src/graphql/documents.ts';
import { createKept } from '../../src/graphql/kept.ts';
import type { Completion, SelectionPlan } from '../../src/graphql/plan.ts';
import { createPrepare } from '../../src/graphql/prepare.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { NOT_PERSISTED, originOf } from '../access/run-alone.ts';

/** A kind of request, of which each number gives another one. */
interface Kind {
  readonly request: (number: number) => {
    readonly query: string;
    readonly operationName?: string;
    readonly variables?: Readonly<Record<string, unknown>>;
  };
  /** Whether it is also planned: all fields of all types. */
  readonly isPlanned?: boolean;
  /** Whether its plan has filled so many objects that code was generated for it. */
  readonly isRunOften?: boolean;
  /** How often the same text is sent. It is kept from the second time. */
  readonly times?: number;
}

const DESK = (name: string) => `query ${name}($first: Int = 20) {
  customers(first: $first) { pageInfo { hasNextPage endCursor } nodes { name email tags owner { name }
    summary { orderCount openTicketCount lifetimeValue { amount currency } }
    orders(first: 5) { nodes { number total { amount currency } } }
    tickets(first: 5, filter: { status: [OPEN] }) { nodes { subject priority } } } } }`;
const list = (count: number, item: (i: number) => string) => Array.from({ length: count }, (_, i) => item(i)).join(' ');
const NODE = 'node(id: "Q3VzdG9tZXI6MQ")';
const aliases = (n: number) =>
  `{ ${list(12, (i) => `a${i}: ${NODE} { ...F }`)} x${n}: __typename } fragment F on Node { ${list(3, (i) => `f${i}: id`)} }`;
const CONDITIONS = Array.from({ length: 12 }, (_, i) => `c${i}`);
const CONDITIONAL = `query(${list(12, (i) => `$c${i}: Boolean!`)}) { ${list(12, (i) => `c${i}: ${NODE} @include(if: $c${i}) { id }`)} }`;

const KINDS: Readonly<Record<string, Kind>> = {
  'typical documents': { request: (n) => ({ query: DESK(`Desk${n}`) }) },
  'typical documents with plans': { request: (n) => ({ query: DESK(`Desk${n}`) }), isPlanned: true },
  'typical documents that are run often': {
    // Equal generated code would be shared.
    request: (n) => ({
      query: DESK(`D${n}`).replaceAll(/name|email|number|subject|amount|hasNextPage/g, `a${n}$&: $&`),
    }),
    isPlanned: true,
    isRunOften: true,
  },
  'short documents': { request: (n) => ({ query: `{ a${n}: __typename }` }), isPlanned: true },
  'long selections': {
    request: (n) => ({ query: `{ agents { nodes { ${list(130, () => 'id')} x${n}: id } } }` }),
    isPlanned: true,
  },
  'deep documents': {
    request: (n) => ({
      query: `{ agents { nodes { ${list(20, () => 'customers { nodes { owner {')} x${n}: id ${'}'.repeat(63)}`,
    }),
  },
  'many aliases': { request: (n) => ({ query: aliases(n) }), isPlanned: true },
  'fragments on every type': {
    request: (n) => ({
      query: `{ ${NODE} { ${list(40, (i) => `...F${i}`)} } } ${list(40, (i) => `fragment F${i} on Node { x${n}: id }`)}`,
    }),
    isPlanned: true,
  },
  'costs that depend on variables': {
    request: (n) => ({
      query: `query($a: Boolean!, $n: Int) { ${list(6, (i) => `a${i}: ${NODE} @include(if: $a) { ...F }`)} } fragment F on Node {
        ... on Customer { ${list(7, (i) => `x${i}n${n}: orders(first: $n) { totalCount @include(if: $a) }`)} } }`,
      variables: { a: true },
    }),
  },
  'long literals': {
    request: (n) => ({ query: `{ a${n}: searchCustomers(text: "${'long '.repeat(2_000)}") { nodes { id } } }` }),
    isPlanned: true,
  },
  'literals beyond Latin-1': {
    request: (n) => ({ query: `{ a${n}: searchCustomers(text: "${'долго '.repeat(2_000)}") { nodes { id } } }` }),
    isPlanned: true,
  },
  'literals with escapes': {
    request: (n) => ({ query: `{ a${n}: searchCustomers(text: "${'\\n-'.repeat(3_000)}") { nodes { id } } }` }),
    isPlanned: true,
  },
  'lists of literals': {
    request: (n) => ({ query: `{ a${n}: nodes(ids: [${list(300, (i) => `"Q3VzdG9tZXI6${i}"`)}]) { id } }` }),
    isPlanned: true,
  },
  'many operations': {
    request: (n) => ({
      query: `${list(40, (i) => `query Q${i} { ...F${i} }`)} ${list(40, (i) => `fragment F${i} on Query { x${Math.floor(n / 40)}: __typename }`)}`,
      operationName: `Q${n % 40}`,
    }),
    isPlanned: true,
  },
  'long aliases': {
    request: (n) => ({ query: `{ agents { nodes { ${list(10, (i) => `${'a'.repeat(2_000)}${i}n${n}: id`)} } } }` }),
    isPlanned: true,
    isRunOften: true,
  },
  'many variables': {
    request: (n) => ({
      query: `query Q${n}(${list(200, (i) => `$a${i}: ID = ""`)}) { a: nodes(ids: [${list(200, (i) => `$a${i}`)}]) { id } }`,
    }),
    times: 2,
  },
  'many conditions': {
    request: (n) => ({
      query: `query(${list(90, (i) => `$c${i}: Boolean!`)}) { agents { nodes { ${list(90, (i) => `id @include(if: $c${i})`)} } } }`,
      variables: Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`c${i}`, (n >> (i % 12)) % 2 === 1])),
    }),
    isPlanned: true,
  },
  introspection: {
    request: (n) => ({ query: getIntrospectionQuery().replace('IntrospectionQuery', `I${n}`) }),
    isPlanned: true,
  },
  'plans for conditions': {
    request: (n) => ({
      query: CONDITIONAL,
      variables: Object.fromEntries(CONDITIONS.map((name, i) => [name, ((n >> i) & 1) === 1])),
    }),
    isPlanned: true,
  },
  'requests sent again': {
    request: (n) => ({ query: DESK('Desk'), variables: { first: 1, unused: n } }),
    times: 2,
  },
  'requests with many numbers': {
    request: (n) => ({
      query: DESK('Desk'),
      variables: { first: 1, more: Array.from({ length: 1_000 }, (_, i) => i + n) },
    }),
    times: 2,
  },
  'requests with many objects': {
    request: (n) => ({
      query: DESK('Desk'),
      variables: { more: Array.from({ length: 500 }, (_, i) => ({ n: i + n })) },
    }),
    times: 2,
  },
  'requests with many ids': {
    request: (n) => ({
      query: 'query($ids: [ID!]!) { nodes(ids: $ids) { id } }',
      variables: { ids: Array.from({ length: 300 }, (_, i) => `Q3VzdG9tZXI6${n}${i}`) },
    }),
    times: 2,
  },
  'requests with long texts': {
    request: (n) => ({
      query: 'query($text: String!) { searchCustomers(text: $text) { nodes { id } } }',
      variables: { text: `${n} ${'long '.repeat(1_000)}` },
    }),
    times: 2,
  },
};

/** So that what else grows meanwhile hardly matters. */
const ENOUGH_BYTES = 1024 * 1024;
/** V8 may also let go of much, such as code. If two measurements differ by more than this, a third one decides. */
const ALIKE = 1.2;

const { limits } = parseConfig({ LIMIT_COST: '2000', LIMIT_ALIASES: '1000' });
const schema = createSchema();

/** How many bytes are estimated, and how many the heap has grown by, for each request of a kind. */
function weigh({ request, isPlanned, isRunOften, times = 1 }: Kind) {
  const kept = createKept(Number.MAX_SAFE_INTEGER);
  const prepare = createPrepare({
    schema,
    kept,
    persisted: NOT_PERSISTED,
    isExploreOpen: true,
    documents: createDocuments({ schema, limits, kept, isExploreOpen: true }),
  });
  const planAll = (selection: SelectionPlan): void => {
    if (isRunOften) for (let i = 0; i < 70; i += 1) selection.fillObject({}, { bytes: 0 });
    for (const { type, completion } of selection.fields) {
      const named = getNamedType(type);
      const inner = innermost(completion);
      if (inner.kind === 'object') planAll(inner.selection());
      if (inner.kind === 'abstract' && isAbstractType(named))
        for (const { name } of schema.getPossibleTypes(named)) planAll(inner.selection(name));
    }
  };
  const send = (number: number): void => {
    const text = JSON.stringify(request(number));
    const parse = (json: string) => ({
      persisted: undefined,
      operationName: undefined,
      variables: undefined,
      ...JSON.parse(json),
    });
    const { document, definition, variables } = prepare({ text, parse }, originOf(ANYBODY));
    const plan = isPlanned ? document.plan(definition, variables, ANYBODY.scopes) : undefined;
    if (plan !== undefined) planAll(plan.root);
  };
  const sendAll = (from: number, to: number) => {
    for (let number = from; number < to; number += 1) for (let time = 0; time < times; time += 1) send(number);
  };
  sendAll(0, 40);
  let sent = 40;
  const measure = () => {
    const [before, bytesBefore, keptBefore] = [sent, heapBytes(), kept.bytes()];
    for (; kept.bytes() - keptBefore < ENOUGH_BYTES; sent += 40) sendAll(sent, sent + 40);
    const count = sent - before;
    return { estimated: (kept.bytes() - keptBefore) / count, real: (heapBytes() - bytesBefore) / count };
  };
  const ratio = ({ estimated, real }: ReturnType<typeof measure>): number => estimated / real;
  const measured = [measure(), measure()].toSorted((a, b) => ratio(a) - ratio(b));
  const [low, high] = measured;
  if (low === undefined || high === undefined || ratio(high) < ALIKE * ratio(low)) return high;
  return [...measured, measure()].toSorted((a, b) => ratio(a) - ratio(b))[1];
}

function innermost(completion: Completion): Exclude<Completion, { kind: 'list' }> {
  return completion.kind === 'list' ? innermost(completion.item) : completion;
}

function heapBytes(): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('expected node --expose-gc');
  gc();
  gc();
  return getHeapStatistics().used_heap_size;
}

for (const [name, kind] of Object.entries(KINDS)) {
  process.stdout.write(`${JSON.stringify({ name, ...weigh(kind) })}\n`);
}
