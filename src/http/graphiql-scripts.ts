import type { GraphiQLOptions } from 'graphql-yoga';

/**
 * The page's icons have titles with minified names ("wze icon"). Each gets the label of its button instead, or an
 * empty title if it is on none.
 */
const ICON_TITLES = `new MutationObserver(() => {
  for (const title of document.querySelectorAll('svg > title')) {
    const words = title.closest('[aria-label]')?.getAttribute('aria-label') ?? '';
    if (title.textContent !== words && / icon$/.test(title.textContent)) title.textContent = words;
  }
}).observe(document, { childList: true, subtree: true });`;

// If the tabs do not fit, GraphiQL may leave the selected one out of sight. Tabs get their sizes a moment after they are added.
const SCROLL_TO_TAB = `let shown;
const sizes = new ResizeObserver(() => shown.scrollIntoView({ block: 'nearest', inline: 'nearest' }));
new MutationObserver(() => {
  const selected = document.querySelector('[role=tab][aria-selected=true]');
  if (selected === null || selected === shown) return;
  shown = selected;
  sizes.disconnect();
  for (const part of [selected, selected.parentElement]) sizes.observe(part);
}).observe(document, { childList: true, subtree: true, attributeFilter: ['aria-selected'] });`;

const STORAGE = `const nameIn = (query) => /^(?:query|mutation|subscription) (\\w+)/m.exec(query)?.[1] ?? null;
const titled = (tab) => ({ ...tab, title: nameIn(tab.query) ?? '<untitled>', operationName: nameIn(tab.query) });
const storedTabs = () => JSON.parse(localStorage.getItem('graphiql:tabState') || 'null');
const store = (name, value) => localStorage.setItem('graphiql:' + name, value ?? '');`;

/**
 * When it starts, GraphiQL looks among the stored tabs for one with the query that it stored last, or with the parameter
 * \`query\` of the address, and opens another tab if there is none. It stores a query only once it is edited, so a second
 * visit would open a blank tab. Therefore this stores the query of the tab that was selected. GraphiQL also writes the
 * selected query into the address, together with a history state; that must not open a tab either. A link has no history
 * state. Its query opens a tab, unless there is one already, without the variables of another tab.
 */
const SAME_TABS = `const address = new URL(location.href);
if (history.state !== null && address.searchParams.has('query')) {
  address.searchParams.delete('query');
  history.replaceState(history.state, '', address);
}
const linked = address.searchParams.get('query') || undefined;
const tabOf = ({ query, variables = null }, i) => titled({ id: 'example-' + i, query, variables, headers: null, response: null });
if (storedTabs() === null) store('tabState', JSON.stringify({ activeTabIndex: 0, tabs: examples.map(tabOf) }));
const { tabs, activeTabIndex } = storedTabs();
const selectedTab = linked === undefined ? tabs[activeTabIndex] : tabs.findLast(({ query }) => query === linked);
store('query', linked ?? selectedTab?.query);
store('variables', selectedTab?.variables);`;

/**
 * GraphiQL stores its tabs half a second after the last key press. What was typed since is stored here when the page is left.
 * GraphiQL publishes its editors under this global name. By default they do not wrap long lines, whose ends are then hidden
 * behind buttons.
 */
const EDITORS = `let typedAt = -Infinity;
const STORED_AFTER_MS = 1_000;
Object.defineProperty(globalThis, '__MONACO', {
  configurable: true,
  set(monaco) {
    Object.defineProperty(globalThis, '__MONACO', { value: monaco });
    monaco.editor.onDidCreateEditor((editor) => editor.updateOptions({ wordWrap: 'on' }));
    monaco.editor.onDidCreateModel((model) => model.onDidChangeContent(() => (typedAt = performance.now())));
    // Lines that were measured before the font has loaded seem shorter than they are.
    document.fonts.load('15px "Fira Code"').then(() => monaco.editor.remeasureFonts());
    const textOf = (name) => monaco.editor.getModels().find(({ uri }) => uri.path.endsWith(name))?.getValue();
    addEventListener('pagehide', () => {
      const state = storedTabs();
      const buttons = [...document.querySelectorAll('[role=tab]')];
      if (performance.now() - typedAt > STORED_AFTER_MS || state?.tabs.length !== buttons.length) return;
      const i = buttons.findIndex((button) => button.getAttribute('aria-selected') === 'true');
      const typed = { query: textOf('operation.graphql'), variables: textOf('variables.json') };
      state.tabs[i] = titled({ ...state.tabs[i], ...typed });
      state.activeTabIndex = i;
      store('tabState', JSON.stringify(state));
    });
  },
});`;

/** The script that the page runs before GraphiQL starts. */
export function graphiqlScripts({ defaultTabs = [] }: GraphiQLOptions): string {
  // `</script>` in a string would end the script element.
  const examples = JSON.stringify(defaultTabs).replaceAll('<', String.raw`\u003c`);
  const parts = [ICON_TITLES, SCROLL_TO_TAB, STORAGE, EDITORS, `const examples = ${examples};`, SAME_TABS];
  return `(() => {\n${parts.join('\n')}\n})();`;
}
