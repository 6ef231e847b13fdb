import type { IncomingMessage } from 'node:http';
import type { Authenticate } from '../access/authenticate.ts';
import { ANYBODY, type Caller } from '../access/caller.ts';
import { createRefusalLog } from '../access/refusal-log.ts';
import { TokenRefused } from '../access/token-refused.ts';
import { codeOf } from '../errors.ts';
import { createFairQueue } from '../graphql/fair-queue.ts';
import { RateLimited, type RateLimit } from '../rate-limit/rate-limit.ts';
import type { Log } from '../telemetry/log.ts';
import { SHORT_OF_MEMORY, type MemoryWatch } from '../telemetry/memory.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { challenge, insufficientScope } from './challenges.ts';
import { networkOf } from './client-of.ts';
import { HttpError } from './http-error.ts';
import type { Handler } from './server.ts';

/** Finds who sends a request. Rejects with HttpError: 400, 401, 403, 429, or 503 when that cannot be found out. */
export type Identify = (request: IncomingMessage) => Promise<Caller>;

export interface IdentifyOptions {
  /** Undefined when no way to authenticate is configured: then everybody has every scope. */
  readonly authenticate: Authenticate | undefined;
  readonly rateLimit: Pick<RateLimit, 'limit' | 'spend'>;
  readonly memory: Pick<MemoryWatch, 'isShort'>;
  readonly log: Pick<Log, 'warn'>;
  readonly metrics: Pick<Metrics, 'tokensRefused'>;
}

/** What a made-up token costs the network that it came from. */
const REFUSED_COST = 100;
/** How many tokens are verified or looked up at the same time, of all networks and of one. */
const AT_ONCE = { maxCost: 32, maxCostPerClient: 16 };
/** Whoever has gone away meanwhile waits for milliseconds at most. */
const NEVER = new AbortController().signal;

/**
 * Creates the function that identifies a request's caller by its header `Authorization`, as in RFC 6750. Networks take turns at having
 * tokens verified. A valid one is accepted however many others its network sends: behind a proxy, they may be anybody's.
 */
export function createIdentify({ authenticate, rateLimit, memory, log, metrics }: IdentifyOptions): Identify {
  if (authenticate === undefined) return () => Promise.resolve(ANYBODY);
  const logRefusal = createRefusalLog(log);
  const turns = createFairQueue(AT_ONCE);
  const refuse = (reason: string, error: HttpError): HttpError => {
    metrics.tokensRefused.inc({ reason });
    return error;
  };
  const refuseHeader = (reason: 'repeated' | 'scheme', error: HttpError): HttpError => {
    logRefusal({ reason, details: undefined });
    return refuse(reason, error);
  };
  return async (request) => {
    const [header, ...others] = authorizationsOf(request);
    if (header === undefined) throw refuse('missing', unauthenticated('Expected a bearer token, got none.'));
    if (others.length > 0) throw refuseHeader('repeated', repeated());
    const token = BEARER.exec(header)?.[1];
    if (token === undefined) throw refuseHeader('scheme', unauthenticated(OTHER_SCHEME));
    const network = networkOf(request.socket);
    try {
      return await authenticate(token, (work) => {
        // Any number may wait, and until then, no other limit counts them.
        if (memory.isShort()) throw refuse('memory', new HttpError(503, SHORT_OF_MEMORY, { 'retry-after': '1' }));
        return turns.run({ client: network, cost: 1, signal: NEVER }, work);
      });
    } catch (error) {
      if (error instanceof TokenRefused) {
        logRefusal(error);
        // Somebody whose token has expired must be told to get another, whatever else the network sends.
        const many = error.isGuess ? await tooMany(rateLimit, network) : undefined;
        throw many === undefined ? refuse(error.reason, refusalOf(error)) : refuse('many', many);
      }
      if (!(error instanceof Error) || !UNAVAILABLE.has(codeOf(error))) throw error;
      throw refuse('unavailable', new HttpError(503, error.message, { 'retry-after': '1' }));
    }
  };
}

/** Counts a made-up token. Returns the refusal of a network that sends many. */
async function tooMany(rateLimit: IdentifyOptions['rateLimit'], network: string): Promise<HttpError | undefined> {
  try {
    // Apart from what callers without a name spend there, whom others could keep out by made-up tokens otherwise.
    await rateLimit.spend(`refused ${network}`, Math.min(REFUSED_COST, rateLimit.limit));
    return undefined;
  } catch (error) {
    if (!(error instanceof RateLimited)) throw error;
    const seconds = error.retryAfterSeconds;
    return new HttpError(429, manyRefused(seconds), { 'retry-after': String(seconds) });
  }
}

/** Valid ones are accepted meanwhile, so that whoever has one need not wait. */
const manyRefused = (seconds: number): string =>
  `Expected a valid bearer token, got one of many from this network that are not valid: send a valid one, or ask again in ${seconds} s to be told why it is refused.`;

/** The issuer's keys cannot be fetched, or the database of API keys does not answer. */
const UNAVAILABLE: ReadonlySet<unknown> = new Set(['SERVICE_UNAVAILABLE', 'TIMEOUT']);

const BEARER = /^bearer +([^\s,]+)$/i;
const OTHER_SCHEME = 'Expected the header "authorization" to be "Bearer" and a token, got something else.';

/** Not `request.headers`, in which Node.js leaves out all but the first. */
function authorizationsOf({ rawHeaders }: IncomingMessage): string[] {
  const found: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.toLowerCase() === 'authorization') found.push(rawHeaders[i + 1] ?? '');
  return found;
}

/** RFC 6750, 3.1: no error code for a request that does not try to authenticate. */
const unauthenticated = (message: string): HttpError => new HttpError(401, message, challenge());

const repeated = (): HttpError =>
  new HttpError(400, 'Expected one header "authorization", got several.', challenge({ error: 'invalid_request' }));

function refusalOf({ reason, message }: TokenRefused): HttpError {
  // Its signature is right, and another one from the same issuer would be no better.
  if (reason === 'owner' || reason === 'ownerMissing') return new HttpError(403, message);
  const description = message.replaceAll('"', "'");
  return new HttpError(401, message, challenge({ error: 'invalid_token', error_description: description }));
}

const NOT_EXPLORING = 'Expected a caller with the scope crm:explore, got one without it.';

/**
 * Restricts what shows the schema to callers with the scope `crm:explore`.
 * @param isOpen whether it is for everybody
 */
export function exploring(handler: Handler, { identify, isOpen }: { identify: Identify; isOpen: boolean }): Handler {
  if (isOpen) return handler;
  return async (request, response) => {
    const { scopes } = await identify(request);
    if (!scopes.includes('crm:explore')) throw new HttpError(403, NOT_EXPLORING, insufficientScope(['crm:explore']));
    return handler(request, response);
  };
}
