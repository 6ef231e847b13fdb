import type { GraphiQLOptions } from 'graphql-yoga';

/**
 * The page's icons have titles with minified names ("wze icon"). They get the label of the button that they are on instead, or
 * an empty title where there is none.
 */
const WORDS = `new MutationObserver(() => {
  for (const title of document.querySelectorAll('svg > title')) {
    const words = title.closest('[aria-label]')?.getAttribute('aria-label') ?? '';
    if (title.textContent !== words && / icon$/.test(title.textContent)) title.textContent = words;
  }
}).observe(document, { childList: true, subtree: true });`;

// Where the tabs do not fit, GraphiQL leaves the selected one out of sight. They get their sizes a moment after they are there.
const IN_SIGHT = `let shown;
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
 * At its start, GraphiQL looks among the stored tabs for one with the text that it stored last, or with the \`query\` of the
 * address, and opens a further tab if there is none. It stores that text only once it is edited, so a second visit got a blank
 * tab. Here it is the text of the tab that was in front. GraphiQL writes the text in front into the address too, with a history
 * state, which a link has not: that is no wish for a tab. A link's query may be a tab already, and otherwise gets one without
 * the variables of another, beside the examples.
 */
const SAME_TABS = `const address = new URL(location.href);
if (history.state !== null && address.searchParams.has('query')) {
  address.searchParams.delete('query');
  history.replaceState(history.state, '', address);
}
const asked = address.searchParams.get('query') || undefined;
const tabOf = ({ query, variables = null }, i) => titled({ id: 'example-' + i, query, variables, headers: null, response: null });
if (storedTabs() === null) store('tabState', JSON.stringify({ activeTabIndex: 0, tabs: examples.map(tabOf) }));
const { tabs, activeTabIndex } = storedTabs();
const inFront = asked === undefined ? tabs[activeTabIndex] : tabs.findLast(({ query }) => query === asked);
store('query', asked ?? inFront?.query);
store('variables', inFront?.variables);`;

/**
 * GraphiQL stores its tabs when nothing has been typed for half a second. What was typed last is stored when the page is left.
 * Its editors, which it makes known under this name, do not wrap long lines by themselves, and hide their ends behind buttons.
 */
const EDITORS = `let typedAt = -Infinity;
const STORED_AFTER_MS = 1_000;
Object.defineProperty(globalThis, '__MONACO', {
  configurable: true,
  set(monaco) {
    Object.defineProperty(globalThis, '__MONACO', { value: monaco });
    monaco.editor.onDidCreateEditor((editor) => editor.updateOptions({ wordWrap: 'on' }));
    monaco.editor.onDidCreateModel((model) => model.onDidChangeContent(() => (typedAt = performance.now())));
    // Measured before its font is there, a line is taken for shorter than it is.
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

/** What the page runs before GraphiQL starts. */
export function graphiqlScripts({ defaultTabs = [] }: GraphiQLOptions): string {
  // In a script, HTML's own characters must not appear in a text.
  const examples = JSON.stringify(defaultTabs).replaceAll('<', String.raw`\u003c`);
  const parts = [WORDS, IN_SIGHT, STORAGE, EDITORS, `const examples = ${examples};`, SAME_TABS];
  return `(() => {\n${parts.join('\n')}\n})();`;
}
