import { getIntrospectionQuery } from 'graphql';
import type { Choose } from './random-request.ts';

/** A request that a malicious client may send. */
export interface HostileRequest {
  readonly query: string;
  readonly variables?: unknown;
  readonly operationName?: unknown;
}

const nested = (levels: number, [open, close]: readonly [string, string], inner: string): string =>
  open.repeat(levels) + inner + close.repeat(levels);

/** Each generates one kind of document, whose size grows with `size` (1 to 400). */
const KINDS: readonly ((size: number) => HostileRequest)[] = [
  (size) => ({ query: nested(size, ['{ a', '}'], '{ b }') }),
  (size) => ({ query: `{ agents { nodes ${nested(size, ['{ customers { nodes { owner ', ' } } }'], '{ id }')} } }` }),
  (size) => ({ query: `{ ${Array.from({ length: size }, (_, i) => `a${i}: viewer { scopes }`).join(' ')} }` }),
  (size) => ({ query: `{ ${'__typename '.repeat(size * 5)} }` }),
  (size) => ({ query: `{ agents { nodes { ${'id '.repeat(size * 4)} } } }` }),
  (size) => ({ query: `{ ${'agents { nodes { id } } '.repeat(size)} }` }),
  (size) => ({ query: `{ agents(first: 1) ${'@skip(if: false) '.repeat(size)} { nodes { id } } }` }),
  (size) => ({ query: `{ agents(first: ${'9'.repeat(size)}) { nodes { id } } }` }),
  (size) => ({ query: `{ agents(first: -${size}) { nodes { id } } }` }),
  (size) => ({ query: `{ agents(first: 1, after: "${'x'.repeat(size * 50)}") { nodes { id } } }` }),
  (size) => ({ query: `{ searchCustomers(text: "${'%_\\\\'.repeat(size)}") { nodes { id } } }` }),
  (size) => ({ query: `{ customers(filter: { status: ${nested(size, ['[', ']'], 'LEAD')} }) { totalCount } }` }),
  (size) => ({ query: `{ customers(filter: ${nested(size, ['{ createdAt: ', ' }'], 'null')}) { totalCount } }` }),
  (size) => ({ query: `{ nodes(ids: [${'"x" '.repeat(size * 3)}]) { id } }` }),
  (size) => ({
    query: 'query($ids: [ID!]!) { nodes(ids: $ids) { id } }',
    variables: { ids: Array.from({ length: size * 30 }, () => 'Q3VzdG9tZXI6MQ') },
  }),
  (size) => ({ query: 'query($n: Int) { agents(first: $n) { nodes { id } } }', variables: { n: 10 ** size } }),
  (size) => ({
    query: 'query($f: CustomerFilter) { customers(filter: $f) { totalCount } }',
    variables: JSON.parse(nested(Math.min(size, 90), ['{"f":', '}'], '1')),
  }),
  () => ({
    query: 'query($__proto__: Int) { agents(first: $__proto__) { nodes { id } } }',
    variables: JSON.parse('{"__proto__": 5}'),
  }),
  () => ({
    query:
      'query($constructor: Int, $toString: Boolean!) { agents(first: $constructor) { nodes @skip(if: $toString) { id } } }',
  }),
  (size) => ({
    query: `query(${Array.from({ length: size }, (_, i) => `$v${i}: Int = ${i}`).join(' ')}) { agents { nodes { id } } }`,
  }),
  (size) => ({
    query: Array.from({ length: size }, (_, i) => `query Q${i} { agents { nodes { id } } }`).join(' '),
    operationName: 'Q0',
  }),
  (size) => ({
    query: `{ ...F0 } ${Array.from({ length: size }, (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`).join(' ')} fragment F${size} on Query { __typename }`,
  }),
  (size) => ({
    query: `{ ...F0 } ${Array.from({ length: size }, (_, i) => `fragment F${i} on Query { ...F${(i + 1) % size} }`).join(' ')}`,
  }),
  (size) => ({
    query: `{ agents { nodes { ...A } } } fragment A on Agent { customers(first: 1) { nodes { owner { ${'...A '.repeat(size)} } } } }`,
  }),
  (size) => ({ query: `{ node(id: "x") { ${'... on Node { '.repeat(size)} id ${'} '.repeat(size)} } }` }),
  (size) => ({
    query: `{ ${Array.from(
      { length: size % 25 },
      (_, i) =>
        `a${i}: ${getIntrospectionQuery({ descriptions: false })
          .replace(/^[^{]*\{|\}[^}]*fragment FullType[\s\S]*$/g, '')
          .trim()}`,
    ).join(' ')} }`,
  }),
  (size) => ({ query: `{ __schema { types ${nested(size % 20, ['{ fields { type ', ' } }'], '{ name }')} } }` }),
  (size) => ({ query: `{ __type(name: "Query") ${nested(size, ['{ ofType ', ' }'], '{ name }')} }` }),
  (size) => ({ query: `${'#'.repeat(size * 100)}\n{ viewer { scopes } }` }),
  (size) => ({ query: `{ viewer { scopes } }${'\uFEFF\n,'.repeat(size)}` }),
  (size) => ({ query: `{ agents(after: """${'"'.repeat(size % 4)}${'\\"""'.repeat(size)}""") { nodes { id } } }` }),
  (size) => ({
    query: `{ product(by: { sku: "${String.fromCodePoint(0, 0x1f, 0x7f, 0xff_fd, 0x1_f4_a9).repeat(size)}" }) { id } }`,
  }),
  () => ({ query: '{ product(by: { sku: "\\uD800" }) { id } }' }),
  (size) => ({
    query: `mutation { logInteraction(input: { customerId: "x", kind: CALL, body: "${'b'.repeat(size * 40)}" }) { userErrors { code } } }`,
  }),
  (size) => ({
    query: `mutation($t: [String!]) { createCustomer(input: { name: "A", tags: $t }) { userErrors { code path } } }`,
    variables: { t: Array.from({ length: size * 10 }, () => '') },
  }),
  (size) => ({ query: `subscription { ${'a '.repeat(size)} }` }),
  (size) => ({ query: '{ agents { nodes { id } } }', operationName: 'x'.repeat(size * 20) }),
  (size) => ({ query: '{ agents { nodes { id } } }', variables: Array.from({ length: size }, () => null) }),
  (size) => ({ query: nested(size, ['(', ')'], '') }),
  () => ({ query: '' }),
];

export const HOSTILE_KINDS = KINDS.length;

/** A request of one of the kinds, of random size. */
export function hostileRequest(kind: number, choose: Choose): HostileRequest {
  const make = KINDS[kind % KINDS.length];
  if (make === undefined) throw new Error(`no kind ${kind}`);
  return make(1 + choose(400));
}

const PIECES = [
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  '"',
  '"""',
  '$',
  '@',
  '...',
  ':',
  '!',
  '=',
  '|',
  '&',
  '#',
  '\\',
  '\u0000',
  '9'.repeat(30),
  '-1',
  'null',
  'on',
  'fragment',
  '__typename',
  'first',
  ' ',
  '💥',
  '\uD83D',
];

/** A text with a few places changed: something removed, inserted, doubled or moved. */
export function mutated(text: string, choose: Choose): string {
  let result = text;
  for (let i = 0; i <= choose(3); i += 1) {
    const [from, length] = [choose(result.length + 1), 1 + choose(20)];
    const [before, piece, after] = [
      result.slice(0, from),
      result.slice(from, from + length),
      result.slice(from + length),
    ];
    const other = PIECES[choose(PIECES.length)] ?? '';
    const forms = [
      before + after,
      before + other + piece + after,
      before + piece + piece + after,
      before + other + after,
      after + before + piece,
    ];
    result = forms[choose(forms.length)] ?? result;
  }
  return result;
}
