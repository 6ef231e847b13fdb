import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { createRepresentation, type Encoding, type Representation } from './representation.ts';
import type { Metrics } from './telemetry/metrics.ts';

const [brotli, gzipped] = [promisify(brotliCompress), promisify(gzip)];

/** Compresses in a thread of Node.js's pool. */
export function compress(encoding: Encoding, bytes: Buffer, brotliQuality: number): Promise<Buffer> {
  if (encoding === 'identity') return Promise.resolve(bytes);
  if (encoding === 'gzip') return gzipped(bytes);
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants;
  return brotli(bytes, {
    params: { [BROTLI_PARAM_QUALITY]: brotliQuality, [BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
}

/** Half of the pool's threads: the others are for files and the names of hosts. */
const AT_ONCE = 2;
/** What may be ahead of a response: rather than wait longer for others, it is sent as it is. */
const MAX_AHEAD_BYTES = 4 * 1024 * 1024;
/** How much of what was compressed is kept in memory. */
const KEPT_BYTES = 4 * 1024 * 1024;
/** What an entry takes besides its bytes. */
const ENTRY_BYTES = 500;
// Lower than for static content, since responses are compressed again whenever they change.
const BROTLI_QUALITY = 4;

/** What a client accepts. */
export interface AcceptedEncoding {
  readonly preferred: Encoding;
  /** Whether the client also takes what is not encoded. */
  readonly takesIdentity: boolean;
}

export interface CompressOptions {
  readonly accepted: AcceptedEncoding;
  /** What is compressed for nobody any more is not begun. */
  readonly signal: AbortSignal;
}

export type CompressResponse = ReturnType<typeof createCompression>;

/**
 * Creates the function that compresses responses. It resolves with undefined for those that should be sent as they are: too
 * small, or others are waiting, or the client prefers it.
 * @param options.minBytes 0 means that nothing is compressed
 */
export function createCompression({ minBytes, metrics }: { minBytes: number; metrics: Pick<Metrics, 'compressions'> }) {
  const limit = pLimit(AT_ONCE);
  let aheadBytes = 0;
  /** What is being compressed, by its encoding and ETag: many may ask for a response at the same time. */
  const running = new Map<string, Promise<Representation | undefined>>();
  /**
   * What was compressed last. Not every cached response can be stored with a further encoding: one whose lifetime is over would replace
   * the new one that is being made, and Redis may be refusing. Nor is it compressed for each of its requests then.
   */
  const kept = new LRUCache<string, Representation>({
    maxSize: KEPT_BYTES,
    sizeCalculation: (representation) => ENTRY_BYTES + representation.bytes.length,
  });
  const begin = async (bytes: Buffer, { accepted, signal }: CompressOptions): Promise<Representation | undefined> => {
    const encoding = accepted.preferred;
    aheadBytes += bytes.length;
    try {
      return await limit(async () => {
        if (signal.aborted) return undefined;
        const compressed = await compress(encoding, bytes, BROTLI_QUALITY);
        metrics.compressions.inc({ encoding });
        return createRepresentation(encoding, compressed);
      });
    } catch {
      // Without memory for it, for example.
      metrics.compressions.inc({ encoding: 'identity' });
      return undefined;
    } finally {
      aheadBytes -= bytes.length;
    }
  };

  return async (
    { bytes, etag }: { readonly bytes: Buffer; readonly etag: string | undefined },
    options: CompressOptions,
  ): Promise<Representation | undefined> => {
    const { preferred, takesIdentity } = options.accepted;
    if (minBytes === 0 || preferred === 'identity' || (takesIdentity && bytes.length < minBytes)) return undefined;
    const key = etag === undefined ? undefined : `${preferred} ${etag}`;
    const shared = key === undefined ? undefined : (kept.get(key) ?? running.get(key));
    if (shared !== undefined) return shared;
    if (aheadBytes > 0 && aheadBytes + bytes.length > MAX_AHEAD_BYTES) {
      metrics.compressions.inc({ encoding: 'identity' });
      return undefined;
    }
    const compressing = begin(bytes, options);
    if (key === undefined) return compressing;
    running.set(key, compressing);
    return compressing
      .then((compressed) => {
        if (compressed !== undefined) kept.set(key, compressed);
        return compressed;
      })
      .finally(() => running.delete(key));
  };
}
