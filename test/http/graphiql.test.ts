import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { EXAMPLES } from '../../src/http/graphiql.ts';
import { startBrowser, type TestBrowser } from '../support/browser.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';

const screenshots = join(import.meta.dirname, '../../.data/screenshots');
const [NEWEST, , , NEXT_PAGE, NEW_CUSTOMER, TOO_MUCH] = EXAMPLES;
const QUERIES = EXAMPLES.filter((text) => /^query /m.test(text) && text !== TOO_MUCH);
const nameOf = (text: string): string => /^(?:query|mutation) (\w+)/m.exec(text)?.[1] ?? '';

let database: TestDatabase;
let gateway: TestGateway;
let browser: TestBrowser;

beforeAll(async () => {
  database = await createDatabase();
  // Like the demo data of `npm start`.
  await seedDatabase({ databaseUrl: database.url, customers: 2_000, ordersPerCustomer: 5, seed: 1 });
  gateway = await startGateway({ databaseUrl: database.url, settings: PATIENT });
});

afterAll(async () => {
  await gateway.close();
  await database.drop();
});

/** The total number of entries in all lists of a result. */
const entriesIn = (value: unknown): number =>
  typeof value !== 'object' || value === null
    ? 0
    : Object.values(value).reduce((sum: number, one) => sum + entriesIn(one), Array.isArray(value) ? value.length : 0);

describe('the examples', () => {
  test.each(QUERIES.map((query) => [nameOf(query), query]))(
    'include "%s", which finds something in the demo data, in every list that it selects',
    async (_, query) => {
      const answer = await gateway.request(query, { headers: { accept: 'application/graphql-response+json' } });
      expect([answer.status, answer.errors]).toEqual([200, []]);
      expect(entriesIn(answer.data)).toBeGreaterThan(10);
      for (const [, list] of query.matchAll(/^ +(\w+)(?:\([^)]*\))? \{\n +nodes/gm))
        expect([list, new RegExp(`"${list}":{"nodes":\\[{`).test(answer.text)]).toEqual([list, true]);
    },
  );

  test('end with one that shows a refusal', async () => {
    const answer = await gateway.request(TOO_MUCH);
    expect(answer.errors).toMatchObject([
      { message: 'Argument "first": expected 1 to 100, got 1000000.', extensions: { code: 'BAD_USER_INPUT' } },
    ]);
  });

  test('include a next page, with the cursor of the first one', async () => {
    const first = await gateway.data(NEXT_PAGE, { after: null });
    const { endCursor, hasNextPage } = first.orders.pageInfo;
    const second = await gateway.data(NEXT_PAGE, { after: endCursor });
    const numbers = [first, second].flatMap(({ orders }) =>
      orders.nodes.map(({ number }: { number: string }) => number),
    );
    expect([hasNextPage, new Set(numbers).size]).toEqual([true, 40]);
  });

  test('include a write, which is refused with a reason the second time', async () => {
    const { createCustomer } = await gateway.data(NEW_CUSTOMER);
    expect(createCustomer).toMatchObject({ customer: { phone: '+4930123456', version: 1 }, userErrors: [] });
    expect((await gateway.data(NEW_CUSTOMER)).createCustomer).toMatchObject({
      customer: null,
      userErrors: [{ code: 'ALREADY_EXISTS', path: ['input', 'email'] }],
    });
    await gateway.data('mutation($id: ID!) { deleteCustomer(input: { id: $id }) { userErrors { code } } }', {
      id: createCustomer.customer.id,
    });
  });

  test('fit into half of the window', () => {
    const long = EXAMPLES.flatMap((query) => query.split('\n')).filter((line) => line.length > 60);
    expect(long).toEqual([]);
  });
});

/** The text in a code editor of the page, which has an element for each line, and non-breaking spaces. */
async function shownIn(page: Page, selector: string): Promise<string> {
  const lines = await page.locator(`${selector} .view-line`).allInnerTexts();
  return lines.join('\n').replaceAll('\u00a0', ' ');
}

const ANSWER = '.graphiql-response';

/**
 * Runs the tab in front, and again if the result is not as expected: GraphiQL learns the operation of a tab a moment after the
 * tab is shown, which is no problem for a person.
 */
async function run(page: Page, expected: RegExp): Promise<string> {
  const play = page.getByRole('button', { name: /^Execute query/ });
  await play.click();
  return until(
    `an answer like ${expected}`,
    async () => {
      const shown = await shownIn(page, ANSWER);
      const isOver = shown.trim() !== '' && (await play.isVisible());
      if (isOver && !expected.test(shown)) await play.click();
      return shown;
    },
    (shown) => expected.test(shown),
  );
}

/** The text in a code editor, once it is as expected. */
function shownOnce(page: Page, selector: string, expected: RegExp): Promise<string> {
  return until(
    `${selector} to show ${expected}`,
    () => shownIn(page, selector),
    (shown) => expected.test(shown),
  );
}

describe('GraphiQL in a browser', () => {
  const addresses: string[] = [];
  const complaints: string[] = [];
  let page: Page;

  // Fetching a browser, if there is none, takes as long as the network does.
  beforeAll(async () => {
    browser = await startBrowser();
    browser.context.on('request', (request) => addresses.push(request.url()));
    browser.context.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
    browser.context.on('weberror', (error) => complaints.push(error.error().message));
    browser.context.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page = await browser.context.newPage();
    await page.goto(`${gateway.url}/graphql`);
    await page.getByRole('button', { name: /^Execute query/ }).waitFor();
  });

  afterAll(async () => {
    await browser.close();
  });

  test('opens with a tab for each example, and the first one in front', async () => {
    expect(await page.title()).toBe('Concierge');
    const names = EXAMPLES.map(nameOf);
    const tabs = page.getByRole('tab');
    expect(await tabs.count()).toBe(names.length);
    for (const [i, name] of names.entries()) expect(await tabs.nth(i).innerText()).toContain(name);
    expect(await tabs.first().getAttribute('aria-selected')).toBe('true');
    expect(await shownOnce(page, '.graphiql-query-editor', /\S/)).toContain(NEWEST.slice(0, 200));
    // Hidden parts can be shown: the editors of variables and headers start collapsed.
    expect(await page.getByRole('button', { name: 'Show editor tools' }).isVisible()).toBe(true);
  });

  test('shows customers when the play button is clicked, as the API returns them', async () => {
    const { customers } = await gateway.data(NEWEST);
    const shown = await run(page, /"customers": \{/);
    expect(shown).toContain(`"totalCount": ${customers.totalCount}`);
    expect(shown).toContain(`"name": "${customers.nodes[0].name}"`);
    await mkdir(screenshots, { recursive: true });
    await page.screenshot({ path: join(screenshots, 'graphiql.png') });
  });

  test('shows the documentation of the schema', async () => {
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    const explorer = page.locator('.graphiql-doc-explorer');
    await explorer.getByText('Query', { exact: true }).click();
    await explorer.getByText('The entry point for all reads.').waitFor();
    await explorer.getByText('searchCustomers', { exact: true }).click();
    await explorer.getByText('at most 100 characters, and not only spaces').waitFor();
    await page.getByRole('button', { name: 'Hide Documentation Explorer' }).click();
  });

  test('completes what is typed, and runs an operation with the variables from their editor', async () => {
    const query = 'query Some($first: Int!) { customers(first: $first) { nodes { name } } }';
    const tab = await browser.context.newPage();
    try {
      await tab.goto(`${gateway.url}/graphql?${new URLSearchParams({ query })}`);
      await tab.getByRole('button', { name: 'Show editor tools' }).click();
      await tab.locator('.graphiql-editor-tool .view-lines:visible').first().click();
      await tab.keyboard.insertText('{ "first": 1 }');
      expect(await run(tab, /"nodes": \[/)).toMatch(/^[^]*?"name"(?![^]*"name")/);
      await tab.locator('.graphiql-query-editor .view-line').first().click();
      await tab.keyboard.press('ControlOrMeta+a');
      await tab.keyboard.insertText('{ customers { totalC } }');
      for (let steps = 0; steps < ' } }'.length; steps += 1) await tab.keyboard.press('ArrowLeft');
      await tab.keyboard.press('Control+Space');
      await tab.locator('.suggest-widget .monaco-list-row').getByText('totalCount').first().waitFor();
      await tab.keyboard.press('Enter');
      expect(await shownOnce(tab, '.graphiql-query-editor', /totalCount/)).toContain('{ customers { totalCount }');
    } finally {
      await tab.close();
    }
  });

  test('sends requests only to this host, and logs neither errors nor warnings, as for a breach of its policy', () => {
    expect(addresses.length).toBeGreaterThanOrEqual(3);
    const hosts = addresses
      .filter((address) => !address.startsWith('data:'))
      .map((address) => new URL(address.replace(/^blob:/, '')).origin);
    expect(new Set(hosts)).toEqual(new Set([gateway.url]));
    expect(complaints).toEqual([]);
  });

  test('runs a subscription, and shows each change as it happens', async () => {
    const { customers } = await gateway.data('{ customers(first: 1) { nodes { id } } }');
    const { id } = customers.nodes[0] as { id: string };
    const query = `subscription { customerChanged(id: "${id}") { company version } }`;
    const tab = await browser.context.newPage();
    try {
      await tab.goto(`${gateway.url}/graphql?${new URLSearchParams({ query })}`);
      await tab.getByRole('button', { name: /^Execute query/ }).waitFor();
      expect(await run(tab, /"version": 1/)).toContain('"state": "LOCAL"');
      for (const company of ['One Ltd', 'Two Ltd']) {
        await gateway.data(
          'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }',
          { input: { id, company } },
        );
        expect(await shownOnce(tab, ANSWER, new RegExp(`"company": "${company}"`))).toContain(company);
      }
      await tab.screenshot({ path: join(screenshots, 'graphiql-subscription.png') });
      await tab.getByRole('button', { name: /^Stop query/ }).click();
      await until(
        'the subscription to end',
        () => gateway.metric('concierge_subscriptions'),
        (open) => open === 0,
      );
    } finally {
      await tab.close();
    }
  });

  test('shows a refusal as readably as a result', async () => {
    await page.getByRole('tab').last().click();
    expect(await run(page, /expected 1 to 100, got\s+1000000/)).toContain('"errors"');
  });
});
