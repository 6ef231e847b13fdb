import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { RenderedPage } from './graphiql-render.ts';
import type { StaticContent } from './static-content.ts';

/**
 * GraphiQL's page, which asks no other host for anything. A thread that ends afterwards renders it, since loading its nine
 * megabytes of scripts would stop all requests for a while, and take 45 MB of memory for as long as the gateway runs.
 */
export async function loadGraphiQLPage(): Promise<StaticContent> {
  const thread = new Worker(new URL('./graphiql-render.ts', import.meta.url));
  const [{ bytes, scriptHashes }] = (await once(thread, 'message')) as [RenderedPage];
  return { type: 'text/html', bytes: Buffer.from(bytes.buffer), headers: headersOf(scriptHashes) };
}

/** Lets the page do what it does, and nothing else: whatever a response contains, it cannot become a script or go elsewhere. */
const headersOf = (scriptHashes: readonly string[]): Readonly<Record<string, string>> => ({
  'content-security-policy': [
    "default-src 'none'",
    `script-src ${scriptHashes.join(' ')}`,
    // Monaco positions each line with a style attribute, and creates style elements for colours.
    "style-src 'unsafe-inline'",
    'worker-src blob:',
    'img-src data:',
    'font-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
});
