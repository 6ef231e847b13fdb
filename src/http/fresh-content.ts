import type { Handler } from './server.ts';

/** Content that describes this moment. */
export interface FreshContent {
  readonly status?: number;
  readonly type: string;
  readonly text: string;
}

/** Serves content that is made for the moment, at most once at a time, however many requests arrive. */
export function serveFresh(make: () => Promise<FreshContent>): Handler {
  const share = shareNext(async () => {
    const { status = 200, type, text } = await make();
    return { status, type, bytes: Buffer.from(text) };
  });
  return async (_, response) => {
    const { status, type, bytes } = await share();
    response.writeHead(status, { 'content-type': type, 'content-length': bytes.length, 'cache-control': 'no-store' });
    response.end(bytes);
  };
}

/**
 * Does the work for all callers since it was last begun. While it is under way, callers wait for the next time and share that:
 * its result may be from before they called, such as a ping that was answered before the database went down, or a count
 * before the last increment.
 */
function shareNext<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<Result> | undefined;
  const begin = (): Promise<Result> => {
    next = undefined;
    return work();
  };
  return () => {
    if (next === undefined) last = next = last.then(begin, begin);
    return next;
  };
}
