import { compress } from '../compression.ts';
import { createRepresentation, type Encoding } from '../representation.ts';
import { preferredEncoding } from './content-encoding.ts';
import { hasETag } from './etag.ts';
import type { Handler } from './server.ts';
import { varyBy } from './vary.ts';

/** Content that is the same for every caller until the gateway stops. */
export interface StaticContent {
  readonly type: string;
  readonly bytes: Buffer;
  /** Sent along with it. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Below this size, compression saves less than its header costs. */
const LEAST_COMPRESSED_BYTES = 1_000;

// Of all the qualities of Brotli, the last one before the time rises steeply: 9 takes three times as long, for 3 % less.
const BROTLI_QUALITY = 6;

/**
 * Serves static content. It is loaded once, at the first request, and compressed once for each encoding that is asked for; all
 * responses share these bytes, however many are sent at the same time. What failed is tried again at the next request.
 */
export function serveStatic(load: () => StaticContent | Promise<StaticContent>): Handler {
  const loaded = once(async () => load());
  const encoded = (encoding: Encoding) =>
    once(async () => createRepresentation(encoding, await compress(encoding, (await loaded()).bytes, BROTLI_QUALITY)));
  const forms = { br: encoded('br'), gzip: encoded('gzip'), identity: encoded('identity') };

  return async (request, response) => {
    const { type, bytes: content, headers } = await loaded();
    const isCompressible = content.length >= LEAST_COMPRESSED_BYTES;
    const encoding = isCompressible ? preferredEncoding(request.headers['accept-encoding']) : 'identity';
    const { bytes, etag } = await forms[encoding]();
    if (isCompressible) response.setHeader('vary', varyBy(response, 'Accept-Encoding'));
    const about = { 'cache-control': 'private, no-cache', ...headers, etag };
    if (hasETag(request.headers['if-none-match'], etag)) {
      response.writeHead(304, about).end();
      return;
    }
    if (encoding !== 'identity') response.setHeader('content-encoding', encoding);
    response.writeHead(200, { ...about, 'content-type': type, 'content-length': bytes.length });
    response.end(bytes);
  };
}

/** Does the work at the first call, for all callers. If it fails, the next call does it again. */
function once<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | undefined;
  return () =>
    (result ??= work().catch((error: unknown) => {
      result = undefined;
      throw error;
    }));
}
