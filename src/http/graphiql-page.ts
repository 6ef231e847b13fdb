import type { GraphiQLOptions } from 'graphql-yoga';

/**
 * GraphiQL drags its tabs with a library that leaves each of them a stale `transform`, and applies it once the tab has
 * the focus: under a mouse button that goes down, the tab jumped away, and the click went elsewhere.
 */
const TABS = '.graphiql-container .graphiql-tab { transform: none !important; }';

// Its layout has no form for narrow windows: two editors and their documentation side by side need 900 pixels.
const NARROW = `@media (max-width: 700px) {
  .graphiql-container .graphiql-logo { display: none; }
  .graphiql-container .graphiql-sidebar { width: 44px; padding: 0; }
  .graphiql-container .graphiql-sidebar > button { width: 44px; }
  .graphiql-container .graphiql-sessions { margin: 0; min-width: 0; }
  .graphiql-container .graphiql-session-header { height: auto; }
  .graphiql-container .graphiql-tabs { flex-wrap: wrap; gap: 4px; }
  .graphiql-container #graphiql-session { flex-direction: column; padding: 0; }
  .graphiql-container #graphiql-session > .graphiql-horizontal-drag-bar { display: none; }
  .graphiql-container #graphiql-session > div { flex: 1 1 0% !important; min-height: 0; min-width: 0; width: 100%; }
  .graphiql-container .graphiql-query-editor { padding: 8px 4px; gap: 4px; }
  .graphiql-container .graphiql-main > .graphiql-horizontal-drag-bar { display: none; }
  .graphiql-container .graphiql-main > .graphiql-plugin:not([style*='-1000px']) {
    position: absolute; inset: 0 0 0 44px; z-index: 20; max-width: none; background: hsl(var(--color-base));
  }
}`;

/**
 * The page's icons are titled by names that a minifier has made up ("wze icon"). They get that of the button that they are
 * on, which has one in words, and none where there is no such button.
 */
const WORDS = `new MutationObserver(() => {
  for (const title of document.querySelectorAll('svg > title')) {
    const words = title.closest('[aria-label]')?.getAttribute('aria-label') ?? '';
    if (title.textContent !== words && / icon$/.test(title.textContent)) title.textContent = words;
  }
}).observe(document, { childList: true, subtree: true });`;

const OURS = `<style>${TABS}\n${NARROW}</style><script>${WORDS}</script>`;

/** GraphiQL's page with everything in it: no request goes to any other host. */
export async function renderGraphiQL(options: GraphiQLOptions): Promise<string> {
  // Nine megabytes of text, which only those who open the page should wait for.
  const bundled = await import('@graphql-yoga/render-graphiql');
  // Its end of the head, not one within a script: scripts come after it.
  return bundled.renderGraphiQL(options).replace('</head>', () => `${OURS}</head>`);
}
