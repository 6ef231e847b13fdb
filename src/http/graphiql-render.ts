import { hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import * as bundled from '@graphql-yoga/render-graphiql';
import { createYoga, type GraphiQLOptions } from 'graphql-yoga';
import { graphiqlOptions } from './graphiql.ts';
import { graphiqlScripts } from './graphiql-scripts.ts';

/** What this thread sends to the gateway. */
export interface RenderedPage {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The page's scripts as sources of a Content-Security-Policy. */
  readonly scriptHashes: readonly string[];
}

/**
 * GraphiQL's drag library leaves a stale `transform` on each tab, and applies it when the tab gets the focus. Without this,
 * the tab jumps away on mouse-down, and the click lands elsewhere.
 */
const TABS = '.graphiql-container .graphiql-tab { transform: none !important; }';

// GraphiQL's layout does not adapt to narrow windows: two editors with documentation beside them need 900 pixels.
const NARROW = `@media (max-width: 700px) {
  .graphiql-container .graphiql-logo { display: none; }
  .graphiql-container .graphiql-sidebar { width: 44px; padding: 0; }
  .graphiql-container .graphiql-sidebar > button { width: 44px; }
  .graphiql-container .graphiql-sessions { margin: 0; min-width: 0; }
  .graphiql-container .graphiql-session-header { height: auto; align-items: flex-end; }
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

/** GraphiQL's page with all its assets inlined: no request goes to another host. */
function renderGraphiQL(options: GraphiQLOptions): string {
  const additions = `<style>${TABS}\n${NARROW}</style><script>${graphiqlScripts(options)}</script>`;
  // Replaces the first occurrence only: scripts after it may contain the same text.
  return bundled.renderGraphiQL(options).replace('</head>', () => `${additions}</head>`);
}

/** @throws Error if Yoga has no page */
async function renderPage(): Promise<RenderedPage> {
  const yoga = createYoga({ graphiql: graphiqlOptions, renderGraphiQL, logging: false, maskedErrors: false });
  const response = await yoga.fetch('http://localhost/graphql', { headers: { accept: 'text/html' } });
  const text = await response.text();
  if (!response.ok) throw new Error(`GraphiQL's page could not be rendered: ${text}`);
  const scripts = text.matchAll(/<script>(.*?)<\/script>/gs);
  const scriptHashes = [...scripts].map(([, script = '']) => `'sha256-${hash('sha256', script, 'base64')}'`);
  return { bytes: new TextEncoder().encode(text), scriptHashes };
}

const page = await renderPage();
parentPort?.postMessage(page, [page.bytes.buffer]);
