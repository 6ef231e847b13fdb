import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { EXAMPLES } from '../../src/http/graphiql.ts';
import { startBrowser, type TestBrowser } from '../support/browser.ts';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { until } from '../support/patience.ts';

const names = EXAMPLES.map((text) => /^(?:query|mutation) (\w+)/m.exec(text)?.[1] ?? '');

let gateway: OwnGateway;
beforeAll(async () => {
  gateway = await startOwnGateway();
});
afterAll(() => gateway.close());

/** The titles of the tabs, the one in front in brackets, and the beginning of the text in the editor. */
interface Shown {
  readonly tabs: readonly string[];
  readonly text: string;
}

async function shownBy(page: Page): Promise<Shown> {
  const all = await page.getByRole('tab').all();
  const tabs = await Promise.all(
    all.map(async (tab) => {
      const title = (await tab.innerText()).trim();
      return (await tab.getAttribute('aria-selected')) === 'true' ? `[${title}]` : title;
    }),
  );
  const lines = await page.locator('.graphiql-query-editor .view-line').allInnerTexts();
  return { tabs, text: lines.join('\n').replaceAll('\u00a0', ' ').trim() };
}

const untilShown = (page: Page, tabs: readonly string[], text: RegExp): Promise<Shown> =>
  until(
    `the tabs ${tabs.join(' ')} with ${text}`,
    () => shownBy(page),
    (shown) => shown.tabs.join() === tabs.join() && text.test(shown.text),
  );

/** The titles as shown by `shownBy`. */
const withFront = (titles: readonly string[], front: string): string[] =>
  titles.map((title) => (title === front ? `[${title}]` : title));

describe('the tabs of GraphiQL', () => {
  let browser: TestBrowser;
  let page: Page;
  // Each test is a first visit, in a browser that has stored nothing.
  beforeEach(async () => {
    browser = await startBrowser();
    page = await browser.context.newPage();
    await page.setViewportSize({ width: 1_000, height: 800 });
  });
  afterEach(() => browser.close());

  const visit = async (query?: string): Promise<void> => {
    const search = query === undefined ? '' : `?${new URLSearchParams({ query })}`;
    await page.goto(`${gateway.url}/graphql${search}`);
    await page.getByRole('button', { name: /^Execute query/ }).waitFor();
  };
  const type = async (text: string): Promise<void> => {
    await page.locator('.graphiql-query-editor .view-line').first().click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.insertText(text);
  };
  /** GraphiQL stores its tabs by itself when nothing has been done for half a second. */
  const untilStored = (front: string) =>
    until(
      `${front} to be stored as the tab in front`,
      () => page.evaluate(() => localStorage.getItem('graphiql:tabState')),
      (text) => {
        const { tabs, activeTabIndex } = JSON.parse(text ?? '{"tabs":[]}') as {
          tabs: { title: string }[];
          activeTabIndex: number;
        };
        return tabs[activeTabIndex]?.title === front;
      },
    );
  const isInSight = async (): Promise<boolean> => {
    const box = await page.locator('[role=tab][aria-selected=true]').boundingBox();
    // On its right, the list of tabs ends at this button.
    const end = await page.getByRole('button', { name: 'New tab' }).boundingBox();
    return box !== null && end !== null && box.x >= 0 && box.x + box.width <= end.x;
  };

  test('are the same after a reload and on a second visit, with the same one in front', async () => {
    await visit();
    await untilShown(page, withFront(names, 'NewestCustomers'), /^# The newest/);
    await untilStored('NewestCustomers');
    await page.reload();
    await untilShown(page, withFront(names, 'NewestCustomers'), /^# The newest/);
    // One with variables.
    await page.getByRole('tab', { name: 'NextPage' }).click();
    await untilShown(page, withFront(names, 'NextPage'), /^# Page by page/);
    await untilStored('NextPage');
    for (const comeBack of [() => page.reload(), () => visit()]) {
      await comeBack();
      await untilShown(page, withFront(names, 'NextPage'), /^# Page by page/);
      await until('the tab to be in sight', isInSight);
    }
  });

  test('keep what was typed, even if the page is left at once', async () => {
    await visit();
    await page.getByRole('tab', { name: 'SupportCall' }).click();
    await untilShown(page, withFront(names, 'SupportCall'), /^# A support call/);
    const edited = names.map((name) => (name === 'SupportCall' ? 'Mine' : name));
    await type('query Mine { agents { totalCount } }');
    await untilShown(page, withFront(edited, 'Mine'), /^query Mine/);
    await page.reload();
    await untilShown(page, withFront(edited, 'Mine'), /^query Mine/);
    await untilStored('Mine');
    await visit();
    await untilShown(page, withFront(edited, 'Mine'), /^query Mine/);
  });

  test('include one for the query of a link, only once, next to the examples', async () => {
    const query = 'query Linked { products { totalCount } }';
    const all = [...names, 'Linked'];
    await visit(query);
    await untilShown(page, withFront(all, 'Linked'), /^query Linked/);
    await until('the tab to be in sight', isInSight);
    await untilStored('Linked');
    await page.reload();
    await untilShown(page, withFront(all, 'Linked'), /^query Linked/);
    // Another tab, with variables, is in front when the link is opened again.
    await page.getByRole('tab', { name: 'NextPage' }).click();
    await untilShown(page, withFront(all, 'NextPage'), /^# Page by page/);
    await untilStored('NextPage');
    await visit(query);
    await untilShown(page, withFront(all, 'Linked'), /^query Linked/);
    await type('query Changed { products { totalCount } }');
    const changed = [...names, 'Changed'];
    await untilShown(page, withFront(changed, 'Changed'), /^query Changed/);
    await page.reload();
    await untilShown(page, withFront(changed, 'Changed'), /^query Changed/);
  });

  test('stay blank if they are new', async () => {
    await visit();
    await page.getByRole('button', { name: 'New tab' }).click();
    await untilShown(page, withFront([...names, '<untitled>'], '<untitled>'), /^$/);
    await until('the tab to be in sight', isInSight);
    await untilStored('<untitled>');
    await page.reload();
    await untilShown(page, withFront([...names, '<untitled>'], '<untitled>'), /^$/);
  });
});
