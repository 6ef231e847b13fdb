import type { IncomingMessage } from 'node:http';

/** The request of a connection whose headers have arrived last. */
export interface LatestRequest {
  /** Undefined before the first one, and when that is over: an idle connection is not to keep its headers. */
  current(): IncomingMessage | undefined;
  /** The headers of a request have arrived. */
  begun(request: IncomingMessage): void;
}

export function createLatestRequest(): LatestRequest {
  let latest: IncomingMessage | undefined;
  return {
    current: () => latest,
    begun(request) {
      latest = request;
      request.once('close', () => {
        if (latest === request && request.complete) latest = undefined;
      });
    },
  };
}
