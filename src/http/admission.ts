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

/** Counts what is open, in total and by client. */
export interface Admission {
  /**
   * @param client `clientOf`
   * @param size for what counts as several, as how many
   * @returns the function to call when what the client has opened ends
   * @throws HttpError 503 beyond the gateway's limit, 429 beyond the client's, both with `Retry-After`
   */
  readonly admit: (client: string, size?: number) => () => void;
  /** As `admit`, but returns undefined beyond a limit, and counts nothing as refused. */
  readonly admitIfFree: (client: string) => (() => void) | undefined;
}

/**
 * No client may have more than what is left for others, so that many who take as much as they get cannot take everything: of ten, each
 * has an eleventh, and so has whoever comes next. One client alone may have as much as its limit. A client that has nothing open may
 * open one thing, whatever that counts as.
 */
export function createAdmission(options: AdmissionOptions): Admission {
  const { limits, what, onCount, onRefused } = options;
  const ofClient = new Map<string, number>();
  let open = 0;
  /** What one client may have for each that is left. */
  const share = Math.max(1, limits.client / Math.max(0, limits.gateway - limits.client));
  const refuse = (limit: 'gateway' | 'client', status: number, expected: string): never => {
    onRefused(limit);
    throw new HttpError(status, `Expected at most ${expected}; ${options.advice}.`, {
      'retry-after': String(options.retryAfterSeconds),
    });
  };
  const count = (client: string, by: number): void => {
    open += by;
    const own = (ofClient.get(client) ?? 0) + by;
    if (own === 0) ofClient.delete(client);
    else ofClient.set(client, own);
    onCount(open);
  };
  /** How many the client may have now. */
  const mostOf = (): number => Math.min(limits.client, Math.ceil(share * (limits.gateway - open)));
  const counted = (client: string, size: number) => {
    count(client, size);
    return () => count(client, -size);
  };
  return {
    admit(client, size = 1) {
      if (limits.gateway <= open) refuse('gateway', 503, `${limits.gateway} ${what} on this gateway, got one more`);
      const most = mostOf();
      const others = most < limits.client ? ' while others have so many' : '';
      const own = ofClient.get(client) ?? 0;
      if (most === 0 || (own > 0 && own + size > most)) {
        const more = size > 1 ? `one that counts as ${size}` : 'one';
        refuse('client', 429, `${most} ${what} of one client${others}, got ${more} more`);
      }
      return counted(client, size);
    },
    admitIfFree: (client) =>
      open < limits.gateway && (ofClient.get(client) ?? 0) < mostOf() ? counted(client, 1) : undefined,
  };
}
