import { HttpError } from './http-error.ts';

export interface AdmissionOptions {
  /** How many may be open at the same time. */
  readonly limits: { readonly gateway: number; readonly client: number };
  /** What is counted, in the plural, such as `subscriptions`. */
  readonly what: string;
  /** What the client should do about a refusal. */
  readonly advice: string;
  readonly retryAfterSeconds: number;
  /** Called with the number that is open now, whenever that changes. */
  readonly onCount: (open: number) => void;
  readonly onRefused: (limit: 'gateway' | 'client') => void;
}

/**
 * Counts what is open, in total and by client.
 * @returns a function that takes a client (`clientOf`), and returns the function to call when what it has opened ends. It throws
 *   HttpError 503 beyond the gateway's limit, 429 beyond the client's, both with `Retry-After`
 */
export function createAdmission(options: AdmissionOptions): (client: string) => () => void {
  const { limits, what, onCount, onRefused } = options;
  const ofClient = new Map<string, number>();
  let open = 0;
  const refuse = (limit: 'gateway' | 'client', status: number, whose: string): never => {
    onRefused(limit);
    throw new HttpError(
      status,
      `Expected at most ${limits[limit]} ${what} ${whose}, got one more; ${options.advice}.`,
      { 'retry-after': String(options.retryAfterSeconds) },
    );
  };
  const count = (client: string, by: number): void => {
    open += by;
    const own = (ofClient.get(client) ?? 0) + by;
    if (own === 0) ofClient.delete(client);
    else ofClient.set(client, own);
    onCount(open);
  };
  return (client) => {
    if (open >= limits.gateway) refuse('gateway', 503, 'on this gateway');
    if ((ofClient.get(client) ?? 0) >= limits.client) refuse('client', 429, 'of one client');
    count(client, 1);
    return () => count(client, -1);
  };
}
