import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSchema } from 'graphql';
import { ANY_COST, type Answer } from '../support/gateway.ts';
import { nodeId, startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';
import { HOSTILE_EMAILS, HOSTILE_TEXTS, HOSTILE_VALUES } from './hostile-texts.ts';
import { requestWith, textPlaces, type TextPlace } from './text-places.ts';

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
const PLACES = textPlaces(schema);
const isWrite = ({ parent }: TextPlace): boolean => parent === schema.getMutationType();
const WRITES = PLACES.filter(isWrite);
const READS = PLACES.filter((place) => !isWrite(place));
const ALL = [...HOSTILE_TEXTS, ...HOSTILE_EMAILS, ...HOSTILE_VALUES];

/** A text that no other place has sent, for what must be unique. */
function textFor(place: TextPlace, text: string): string {
  const isUnique = /input\.(externalId|email|number|idempotencyKey)$/.test(place.name);
  return isUnique ? `${PLACES.indexOf(place)}${text}` : text;
}

const COUNTED = ['customers', 'orders', 'tickets', 'interactions', 'agents', 'products'] as const;
const rowCounts = ({ databaseUrl }: SeededGateway): Promise<Readonly<Record<string, number>>> =>
  withConnection(databaseUrl, async (connection) => {
    const counts = COUNTED.map((name) => `(SELECT COUNT(*) FROM ${name}) AS ${name}`).join(', ');
    const [row = {}] = await connection.query<Record<string, bigint>[]>(`SELECT ${counts}`);
    return Object.fromEntries(Object.entries(row).map(([name, count]) => [name, Number(count)]));
  });

/** Each place gets one in `every` of the texts, the next place others. */
interface Sampled {
  readonly gateway: SeededGateway;
  readonly every: number;
}

const textsAt = (place: TextPlace, { every }: Sampled): readonly string[] =>
  ALL.filter((_, i) => (i + PLACES.indexOf(place)) % every === 0);

interface Sent {
  readonly text: string;
  readonly answer: Answer;
}

/** Sends texts at a place, each about another row; none may have a surprise. */
async function sendAll(sampled: Sampled, place: TextPlace): Promise<Sent[]> {
  const { gateway } = sampled;
  const sent = await Promise.all(
    textsAt(place, sampled).map(async (hostile, i) => {
      const text = textFor(place, hostile);
      const { query, variables } = requestWith(schema, place, { text, row: 2 * i + 1 });
      return { text, answer: await gateway.request(query, { variables }) };
    }),
  );
  const surprises = sent.flatMap(({ text, answer: { status, errors } }) =>
    errors
      .filter(({ extensions: { code } }) => status !== 200 || code !== 'BAD_USER_INPUT')
      .map((error) => ({ place: place.name, text, status, error })),
  );
  expect(surprises).toEqual([]);
  return sent;
}

interface Written {
  readonly result: { readonly id: string; readonly at?: unknown } | null;
  readonly userErrors: readonly object[];
}

/** The texts that have been written, as they come back. */
const shownAt = ({ result }: Written, { path }: TextPlace): unknown[] =>
  [result?.at].flat().map((value) => (path[2] === undefined ? value : (value as Record<string, unknown>)[path[2]]));

const isShown = (place: TextPlace): boolean => requestWith(schema, place, { text: '', row: 1 }).query.includes(' at: ');

/** What a place must take of all: of an email address, what is one; of any other text, what no place finds too long. */
function acceptedAt({ type, path }: TextPlace): readonly string[] {
  if (type !== 'String' || path.at(-1) === 'country') return [];
  return path.at(-1) === 'email' ? HOSTILE_EMAILS : HOSTILE_TEXTS.filter((text) => text.length < 20);
}

describe.each([
  // These have no text of a request in them, unless the same is in those with values.
  { are: 'prepared', every: 5, settings: {} },
  { are: 'with their values written into them', every: 1, settings: { LIMIT_PREPARED_STATEMENTS: '0' } },
])('statements that are $are', ({ every, settings }) => {
  let gateway: SeededGateway;
  let sampled: Sampled;
  beforeAll(async () => {
    gateway = await startSeededGateway(2 * ALL.length + 2, { ...ANY_COST, ...settings });
    sampled = { gateway, every };
  });
  afterAll(() => gateway.close());

  test('take every text of a query as a value', async () => {
    const before = await rowCounts(gateway);
    for (const place of READS) await sendAll(sampled, place);
    expect(READS.length).toBeGreaterThan(60);
    expect(await rowCounts(gateway)).toEqual(before);
  });

  test('write every text of a mutation letter by letter, and nothing else', async () => {
    const before = await rowCounts(gateway);
    const created = new Set<string>();
    for (const place of WRITES) {
      const sent = await sendAll(sampled, place);
      const done = sent.flatMap(({ text, answer: { data } }) => {
        const payload: Written | undefined = data?.field;
        if (payload === undefined || payload.userErrors.length > 0) return [];
        if (/^(create|open|log)/.test(place.field.name)) created.add(payload.result?.id ?? '');
        return [{ text, shown: shownAt(payload, place) }];
      });
      if (place.field.name === 'removeTags' || !isShown(place)) continue;
      for (const { text, shown } of done)
        expect([place.name, shown]).toEqual([place.name, expect.arrayContaining([text.trim()])]);
      const accepted = acceptedAt(place);
      const taken = textsAt(place, sampled)
        .filter((text) => accepted.includes(text))
        .map((text) => textFor(place, text));
      expect([place.name, done.map(({ text }) => text)]).toEqual([place.name, expect.arrayContaining(taken)]);
    }
    const createdOf = (type: string) =>
      [...created].filter((id) => id.startsWith(nodeId(type, '').slice(0, -2))).length;
    expect(await rowCounts(gateway)).toEqual({
      ...before,
      customers: (before['customers'] ?? 0) + createdOf('Customer'),
      orders: (before['orders'] ?? 0) + createdOf('Order'),
      tickets: (before['tickets'] ?? 0) + createdOf('Ticket'),
      interactions: (before['interactions'] ?? 0) + createdOf('Interaction'),
    });
    expect(created.size).toBeGreaterThan(500 / every);
  });

  test('tell keys of idempotency apart, whatever these are', async () => {
    const keys = WRITES.filter(({ path }) => path.at(-1) === 'idempotencyKey');
    expect(keys.length).toBeGreaterThan(10);
    const before = await rowCounts(gateway);
    const texts = async () => {
      const sent: string[] = [];
      for (const place of keys) sent.push(...(await sendAll(sampled, place)).map(({ answer }) => answer.text));
      return sent;
    };
    const first = await texts();
    expect(first.filter((text) => text.includes('IDEMPOTENCY_KEY_REUSED'))).toEqual([]);
    // They are the same that the mutations before have had.
    expect(await rowCounts(gateway)).toEqual(before);
    expect(await texts()).toEqual(first);
  });

  test('fail nowhere', async () => {
    expect(await gateway.metric('concierge_masked_errors_total')).toBe(0);
    expect(gateway.logLines.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  });
});
