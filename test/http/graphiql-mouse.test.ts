import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { EXAMPLES } from '../../src/http/graphiql.ts';
import { startBrowser, type TestBrowser } from '../support/browser.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';

const screenshots = join(import.meta.dirname, '../../.data/screenshots');
const HEIGHT = 800;

let database: TestDatabase;
let gateway: TestGateway;
let browser: TestBrowser;

beforeAll(async () => {
  database = await createDatabase();
  gateway = await startGateway({ databaseUrl: database.url, settings: PATIENT });
  browser = await startBrowser();
  await mkdir(screenshots, { recursive: true });
});

afterAll(async () => {
  await browser.close();
  await gateway.close();
  await database.drop();
});

async function boxOf(element: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  return (await until('it to be there', () => element.boundingBox())) ?? { x: 0, y: 0, width: 0, height: 0 };
}

/** Clicks like a person: the pointer moves there, then the button goes down and up, wherever the element is by then. */
async function press(page: Page, element: Locator): Promise<void> {
  const { x, y, width, height } = await boxOf(element);
  await page.mouse.move(x + width / 3, y + height / 2);
  await page.mouse.down();
  await page.mouse.up();
}

describe.each([420, 1_000, 1_920])('GraphiQL in a window %d pixels wide, by mouse', (width) => {
  let page: Page;
  beforeAll(async () => {
    page = await browser.context.newPage();
    await page.setViewportSize({ width, height: HEIGHT });
    await page.goto(`${gateway.url}/graphql`);
    await page.getByRole('button', { name: /^Execute query/ }).waitFor();
  });
  afterAll(() => page.close());

  /** Whether all of an element is visible and clickable. */
  async function isWithin(element: Locator): Promise<boolean> {
    const box = await boxOf(element);
    return box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= HEIGHT;
  }

  test('each tab, the last one first, comes to the front with one click', async () => {
    const tabs = page.getByRole('tab');
    for (const i of EXAMPLES.keys().toArray().toReversed()) {
      const tab = tabs.nth(i);
      expect([i, await isWithin(tab)]).toEqual([i, true]);
      await press(page, tab);
      // A second click must not be needed here.
      await until(`tab ${i} to be in front`, async () => (await tab.getAttribute('aria-selected')) === 'true');
      expect(await page.locator('[role=tab][aria-selected=true]').count()).toBe(1);
    }
    expect(await tabs.count()).toBe(EXAMPLES.length);
  });

  test('a query can be run, and its result can be read beside or below it', async () => {
    const play = page.getByRole('button', { name: /^Execute query/ });
    expect(await isWithin(play)).toBe(true);
    const answer = page.locator('.graphiql-response');
    await until(
      'a result',
      async () => {
        // GraphiQL learns the operation of a tab a moment after the tab is shown.
        if (await play.isVisible()) await press(page, play);
        return answer.innerText();
      },
      (text) => text.includes('totalCount'),
    );
    await page.screenshot({ path: join(screenshots, `graphiql-${width}.png`) });
    for (const part of [page.locator('.graphiql-query-editor'), answer]) {
      const box = await boxOf(part);
      expect([await isWithin(part), box.width > 250, box.height > 120]).toEqual([true, true, true]);
    }
  });

  test('the documentation opens, can be read, and closes', async () => {
    await press(page, page.getByRole('button', { name: 'Show Documentation Explorer' }));
    const explorer = page.locator('.graphiql-plugin');
    await explorer.getByText('Query', { exact: true }).waitFor();
    expect((await boxOf(explorer)).width).toBeGreaterThan(250);
    await page.screenshot({ path: join(screenshots, `graphiql-docs-${width}.png`) });
    await press(page, page.getByRole('button', { name: 'Hide Documentation Explorer' }));
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).waitFor();
  });

  test('no line of an example is hidden behind the buttons, even with the documentation open', async () => {
    await press(page, page.getByRole('button', { name: 'Show Documentation Explorer' }));
    const lines = page.locator('.graphiql-query-editor .view-line > span');
    const edges = () => lines.evaluateAll((all) => all.map((line) => line.getBoundingClientRect().right));
    for (const i of EXAMPLES.keys()) {
      // Over the tabs of a narrow window, the documentation is in the way of a pointer.
      await page.getByRole('tab').nth(i).locator('button').first().dispatchEvent('click');
      const buttons = await boxOf(page.locator('.graphiql-toolbar'));
      await until(
        `all lines of example ${i} to end left of ${buttons.x}`,
        edges,
        (all) => Math.max(...all) <= buttons.x,
      );
    }
    await press(page, page.getByRole('button', { name: 'Hide Documentation Explorer' }));
  });

  test('no icon has a minified name as its title', async () => {
    const titles = await until(
      'all icons to have their titles',
      () => page.locator('svg > title').allTextContents(),
      (texts) => texts.length > 10 && !texts.some((text) => text.endsWith(' icon')),
    );
    expect(titles).toEqual(expect.arrayContaining(['New tab', 'Close Tab', 'Open settings dialog']));
    expect(titles.filter((title) => title !== '' && !/^[A-Z][a-z-]+ /.test(title))).toEqual([]);
  });
});
