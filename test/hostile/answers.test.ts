import { pbkdf2Sync } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { AnswerSize } from '../../src/graphql/answer-size.ts';
import { TURNS } from '../../src/turns.ts';
import { ANY_COST, PATIENT } from '../support/gateway.ts';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';
import { startSmallHeapGateway, type SmallHeapGateway } from './small-heap-gateway.ts';

const AGENTS = 50;
const CUSTOMERS = 5_000;
const BODY = 10_000;
const MEGABYTE = 1024 * 1024;

const rows = (count: number, row: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => `(${row(i + 1)})`).join();

/** Agents with a hundred customers each, and a customer with long interactions. */
async function fill(databaseUrl: string): Promise<void> {
  await withConnection(databaseUrl, async (sql) => {
    for (const statement of [
      `INSERT INTO agents (id, name, email, updated_at) VALUES ${rows(AGENTS, (i) => `${i}, 'A${i}', 'a${i}@x.example', NOW()`)}`,
      `INSERT INTO customers (id, name, owner_id, created_at, updated_at) VALUES ${rows(CUSTOMERS, (i) => `${i}, 'C${i}', ${1 + (i % AGENTS)}, '2024-01-01' + INTERVAL ${i} HOUR, NOW()`)}`,
      `INSERT INTO interactions (id, customer_id, kind, body, occurred_at) VALUES ${rows(100, (i) => `${i}, 1, 'CALL', REPEAT('b', ${BODY}), NOW()`)}`,
      // As a string of JavaScript, a text with one such character takes two bytes for each.
      `INSERT INTO interactions (id, customer_id, kind, body, occurred_at) VALUES (101, 1, 'CALL', CONCAT('界', REPEAT('b', ${BODY - 1})), NOW())`,
    ])
      await sql.query(statement);
  });
}

/** A page of customers, and below each one its owner's, as often as said. */
const customersOfOwners = (levels: number): string =>
  `customers(first: 100) { nodes { ${levels === 0 ? 'id' : `owner { ${customersOfOwners(levels - 1)} }`} } }`;

// A million customers, of whom the database has 5,000.
const MILLION = `query Million { ${customersOfOwners(2)} }`;
const WITHOUT_OTHER_LIMITS = { ...ANY_COST, LIMIT_DEPTH: '100' };

const codesOf = (answer: { readonly errors: readonly { extensions: { code: string } }[] }): string[] =>
  answer.errors.map(({ extensions }) => extensions.code);

describe('an answer that grows beyond its limits, on a gateway that any cost is allowed on', () => {
  let gateway: SmallHeapGateway;
  beforeAll(async () => {
    gateway = await startSmallHeapGateway(256, { settings: { ...WITHOUT_OTHER_LIMITS, ...PATIENT }, fill });
  });
  afterAll(() => gateway.close());

  test('is refused, while others are answered, and memory stays bounded', async () => {
    const attacking = { isOver: false };
    let answered = 0;
    const bystander = async () => {
      while (!attacking.isOver) {
        // oxlint-disable-next-line eslint/no-await-in-loop -- one after the other, as a client does
        expect(await gateway.ask('{ customers(first: 1) { nodes { name } } }')).toMatchObject({ data: {} });
        answered += 1;
      }
    };
    const attack = async () => {
      for (let i = 0; i < 2; i += 1)
        // oxlint-disable-next-line eslint/no-await-in-loop
        expect(await gateway.send({ query: MILLION })).toEqual({ status: 400, codes: ['QUERY_TOO_COMPLEX'] });
      attacking.isOver = true;
    };
    await Promise.all([attack(), bystander()]);
    expect(answered).toBeGreaterThan(4);
    expect(await gateway.metric('process_resident_memory_bytes')).toBeLessThan(600 * MEGABYTE);
  });

  test('is refused however many there are at the same time: for its size, or because memory is short', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => gateway.send({ query: MILLION })));
    const codes = new Set(answers.flatMap((answer) => answer.codes));
    expect(codes.difference(new Set(['QUERY_TOO_COMPLEX', 'SERVICE_UNAVAILABLE']))).toEqual(new Set());
    await until(
      'an answer again',
      async () => (await gateway.send({ query: '{ agents(first: 1) { nodes { id } } }' })).status === 200,
    );
  });

  test('with introspection beside it too, which makes graphql-js execute it', async () => {
    const query = `{ __schema { queryType { name } } ${customersOfOwners(2)} }`;
    expect(await gateway.send({ query })).toEqual({ status: 400, codes: ['QUERY_TOO_COMPLEX'] });
  });
});

test('answers that are sent as events, as large as allowed and several at once, take no room on the heap', async () => {
  // Of the limit on all that is unsent, there would be room for one.
  const settings = { ...ANY_COST, ...PATIENT, LIMIT_BUFFER_BYTES: '1000000000' };
  const gateway = await startSmallHeapGateway(256, { settings, fill });
  try {
    const aliases = Array.from({ length: 49 }, (_, i) => `a${i}: body`).join(' ');
    const ids = JSON.stringify(Array.from({ length: 100 }, () => nodeId('Interaction', 101)));
    const query = `{ nodes(ids: ${ids}) { ... on Interaction { ${aliases} } } }`;
    const events = await Promise.all(Array.from({ length: 4 }, () => gateway.events(query)));
    for (const event of events) {
      expect(event.subarray(0, 40).toString()).toMatch(/^:\n\nevent: next\ndata: \{"data":\{"nodes"/);
      expect(event.subarray(-30).toString()).toMatch(/\}\n\nevent: complete\ndata:\n\n$/);
      expect(event.length).toBeGreaterThan(49 * 100 * BODY);
    }
  } finally {
    await gateway.close();
  }
});

/** Has the next object of an answer take some tenths of a second. */
function holdUpOnce(): void {
  jest
    .spyOn(AnswerSize.prototype, 'addObject')
    .mockImplementationOnce(() => void pbkdf2Sync('password', 'salt', 300_000, 64, 'sha512'));
}

describe('an answer', () => {
  let gateway: OwnGateway;
  beforeAll(async () => {
    gateway = await startOwnGateway({ ...WITHOUT_OTHER_LIMITS, LIMIT_RESPONSE_BYTES: '200000' }, fill);
  });
  afterAll(() => gateway.close());
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const bodies = (first: number): string =>
    `customer(by: { id: "${nodeId('Customer', 1)}" }) { interactions(first: ${first}) { nodes { body agent { name } ticket { subject } } } }`;

  test('is refused when the rows for it have too many bytes, and nothing further is read', async () => {
    const statements = await gateway.statementsOf(async () => {
      const answer = await gateway.request(`{ ${bodies(100)} }`);
      expect(codesOf(answer)).toEqual(['QUERY_TOO_COMPLEX']);
      expect(answer.errors[0]?.message).toContain('at most 200000 bytes');
      expect(answer.data).toBe(undefined);
    });
    expect([...statements.keys()]).toEqual(['Customer by id', 'Customer.interactions page']);
    expect(codesOf(await gateway.request(`{ ${bodies(10)} }`))).toEqual([]);
  });

  test.each(['', '__schema { queryType { name } }'])(
    'is refused when it repeats a long text too often, whoever executes it: %s',
    async (beside) => {
      const ids = Array.from({ length: 100 }, () => nodeId('Interaction', 1));
      const query = `query($ids: [ID!]!) { ${beside} nodes(ids: $ids) { ... on Interaction { body } } }`;
      const few = await gateway.request(query, { variables: { ids: ids.slice(0, 5) } });
      expect(codesOf(few)).toEqual([]);
      expect(few.text.length).toBeGreaterThan(5 * BODY);
      expect(codesOf(await gateway.request(query, { variables: { ids } }))).toEqual(['QUERY_TOO_COMPLEX']);
    },
  );

  test('that takes longer than a request may is given up, while it is being built', async () => {
    const brief = await startOwnGateway(
      { ...WITHOUT_OTHER_LIMITS, LIMIT_REQUEST_MS: '300', LIMIT_RESPONSE_OBJECTS: '1000000000' },
      fill,
    );
    try {
      const answer = await brief.request(MILLION);
      expect(codesOf(answer)).toEqual(['TIMEOUT']);
    } finally {
      await brief.close();
    }
  });

  test('is the same, from the same statements, when every object is completed in a turn of its own', async () => {
    const query = `{ customers(first: 20) { nodes { id owner { name customers(first: 3) { edges { node { name owner { email } } } } } } } }`;
    const ask = async () => {
      let text = '';
      const statements = await gateway.statementsOf(async () => {
        ({ text } = await gateway.request(query));
      });
      return { text, statements: Object.fromEntries(statements) };
    };
    const expected = await ask();
    expect(expected.text).toContain('"email":"a1@x.example"');
    const isOver = jest.spyOn(TURNS, 'isOver').mockReturnValue(true);
    expect(await ask()).toEqual(expected);
    expect(isOver.mock.calls.length).toBeGreaterThan(80);
  });

  test('that holds up the event loop is named in the log, by its document and its operation', async () => {
    // More than once on a machine that is so busy that other stalls have taken all lines of this minute.
    const line = await until('the line', async () => {
      holdUpOnce();
      await gateway.request('query Slow { agents(first: 2) { nodes { name } } }');
      return gateway.stallLines.find((one) => one.includes('"cause":"execute"') && one.includes('"operation":"Slow"'));
    });
    const { ms, stage, document } = JSON.parse(line ?? '');
    expect(stage).toBe('execute');
    expect(ms).toBeGreaterThan(100);
    expect(document).toMatch(/^[\w-]{43}$/);
    expect(await gateway.metric('concierge_event_loop_stall_seconds_count{cause="execute"}')).toBeGreaterThan(0);
  });

  test('that holds it up again and again does not fill the log', async () => {
    const stalls = () => gateway.metric('concierge_event_loop_stall_seconds_count{cause="execute"}');
    const before = await stalls();
    await until(
      'eight stalls to be counted',
      async () => {
        holdUpOnce();
        await gateway.request('{ agents(first: 2) { nodes { name } } }');
        return stalls();
      },
      (count) => count >= before + 8,
    );
    const times = gateway.stallLines.map((line) => Date.parse(JSON.parse(line).time));
    const minutes = 1 + Math.floor((Math.max(...times) - Math.min(...times)) / 60_000);
    expect(times.length).toBeGreaterThan(0);
    expect(times.length).toBeLessThanOrEqual(6 * minutes);
  });
});
