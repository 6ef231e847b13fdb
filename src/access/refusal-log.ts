import type { Log } from '../telemetry/log.ts';
import { createLineLimit, createLineLimits } from '../telemetry/line-limit.ts';
import { SCOPES, type Scope } from './caller.ts';
import { REFUSALS, type TokenRefused } from './token-refused.ts';

/**
 * Creates the function that tells the operator why tokens are refused: at most once a minute for each reason, with how many were left
 * out since the last time. Neither tokens nor whom they are for get into the log.
 * @param now milliseconds that only increase
 */
export function createRefusalLog(
  log: Pick<Log, 'warn'>,
  now?: () => number,
): (refused: Pick<TokenRefused, 'details'> & { readonly reason: Logged }) => void {
  const limit = createLineLimits(1, now);
  return ({ reason, details }) =>
    limit(reason, (leftOut) =>
      log.warn({ reason, ...details?.(), leftOut }, `A bearer token was refused: got ${LOGGED[reason]}`),
    );
}

/** Besides what is wrong with a token: with the header that should have one. */
const LOGGED = {
  ...REFUSALS,
  scheme: 'a header "authorization" that is not "Bearer" and a token',
  repeated: 'several headers "authorization"',
} as const;

type Logged = keyof typeof LOGGED;

/** Creates the function that tells, at most once a minute for each, which scopes the callers of refused operations lack. */
export function createMissingScopeLog(log: Pick<Log, 'warn'>): (missing: readonly Scope[]) => void {
  const limit = createLineLimits(1);
  return (missing) =>
    limit(missing.join(' '), (leftOut) =>
      log.warn({ missing, leftOut }, 'An operation was refused: its caller lacks a scope'),
    );
}

/**
 * Creates the function that tells, at most once a minute, of the claims of a valid token with which its caller may do nothing. Some
 * issuers have other names for the claim or for the scopes.
 */
export function createScopeWarning(log: Pick<Log, 'warn'>): (claims: Readonly<Record<string, unknown>>) => void {
  const limit = createLineLimit(1);
  const expected = `the claim "scope" with some of ${SCOPES.join(', ')}`;
  return ({ scope, scp }) =>
    limit((leftOut) => {
      const unknownScopes = typeof scope === 'string' ? scope.split(' ').filter((name) => name !== '').length : 0;
      const got = { hasScope: scope !== undefined, unknownScopes, hasScp: scp !== undefined };
      log.warn({ expected, ...got, leftOut }, 'A bearer token is valid, but has no scope that this gateway knows');
    });
}
