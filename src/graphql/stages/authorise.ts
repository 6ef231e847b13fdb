import type { GraphQLError } from 'graphql';
import type { Scope } from '../../access/caller.ts';
import { createMissingScopeLog } from '../../access/refusal-log.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { graphqlError } from '../coded-errors.ts';
import { isMutation, type Operation } from '../operation.ts';
import type { ScopeNeed } from '../scope-needs.ts';
import { isMet } from '../scope-rule.ts';
import { serialise, type GraphQLResponse } from './serialise.ts';

export interface AuthoriseOptions {
  readonly log: Pick<Log, 'warn'>;
  readonly metrics: Pick<Metrics, 'scopesMissing'>;
}

/**
 * Creates the function that gives the refusal of an operation that the caller may not execute, with one error (FORBIDDEN) for each rule
 * of `@requiresScopes` that the caller does not meet, or may not send by this method; else undefined.
 */
export function createAuthorise({ log, metrics }: AuthoriseOptions) {
  const logMissing = createMissingScopeLog(log);
  return (operation: Operation): GraphQLResponse | undefined => {
    if (operation.isSafe && isMutation(operation)) return mutationByGet();
    const { needs, caller } = operation;
    const unmet = needs.filter(({ rule }) => !isMet(rule, caller.scopes));
    if (unmet.length === 0) return undefined;
    const needed = neededScopes(needs, caller.scopes);
    const missing = needed.filter((scope) => !caller.scopes.includes(scope));
    for (const scope of missing) metrics.scopesMissing.inc({ scope });
    logMissing(missing);
    const errors = unmet.map((need) => forbidden(need, caller.scopes));
    return { ...serialise({ errors }), neededScopes: needed };
  };
}

/** Scopes with which a caller meets all rules. Where a rule gives a choice, those of which the fewest are missing. */
function neededScopes(needs: readonly ScopeNeed[], given: readonly Scope[]): readonly Scope[] {
  const needed = new Set<Scope>();
  const missing = (all: readonly Scope[]): number =>
    all.filter((scope) => !given.includes(scope) && !needed.has(scope)).length;
  // What others need anyway may be among a rule's choices.
  for (const { rule } of needs.toSorted((one, other) => one.rule.length - other.rule.length))
    for (const scope of rule.toSorted((one, other) => missing(one) - missing(other))[0] ?? []) needed.add(scope);
  return [...needed].toSorted();
}

const MAX_NAMED = 5;

/** For example `Customer.email, Customer.phone: expected a caller with the scope crm:pii, got one without it.` Names what is missing. */
function forbidden({ rule, coordinates }: ScopeNeed, given: readonly Scope[]): GraphQLError {
  const more = coordinates.length > MAX_NAMED ? ` and ${coordinates.length - MAX_NAMED} more` : '';
  const named = `${coordinates.slice(0, MAX_NAMED).join(', ')}${more}`;
  const scopes = rule.map((all) => all.filter((scope) => !given.includes(scope)).join(' and ')).join(', or ');
  return graphqlError('FORBIDDEN', `${named}: expected a caller with the scope ${scopes}, got one without it.`);
}

function mutationByGet(): GraphQLResponse {
  const response = serialise({ errors: [graphqlError('BAD_USER_INPUT', 'Expected a mutation by POST, got GET.')] });
  return { ...response, status: 405, isRefusal: true, headers: { ...response.headers, allow: 'POST' } };
}
