import { getDirectiveValues, type DirectiveNode, type GraphQLSchema } from 'graphql';
import { SCOPES, type Scope } from '../access/caller.ts';
import type { Maybe } from '../given.ts';

/** What `@requiresScopes` or `@maskedWithout` says: a caller must have all scopes of at least one of the lists. */
export type ScopeRule = readonly (readonly Scope[])[];

/** Whether a caller with these scopes meets a rule. */
export const isMet = (rule: ScopeRule, scopes: readonly string[]): boolean =>
  rule.some((all) => all.every((scope) => scopes.includes(scope)));

/**
 * What a directive with the argument `scopes` says of a type, field, argument, input field or enum value; undefined if it is not there.
 * @throws TypeError naming a scope that does not exist
 */
export function scopeRuleOf(
  schema: GraphQLSchema,
  { name, astNode }: { name: string; astNode?: Maybe<{ readonly directives?: readonly DirectiveNode[] | undefined }> },
  directiveName: 'requiresScopes' | 'maskedWithout' = 'requiresScopes',
): ScopeRule | undefined {
  const directive = schema.getDirective(directiveName);
  const { directives = [] } = astNode ?? {};
  const given = directive ? getDirectiveValues(directive, { directives }) : undefined;
  if (given === undefined) return undefined;
  return (given['scopes'] as readonly (readonly string[])[]).map((all) =>
    all.map((scope) => {
      const known = SCOPES.find((candidate) => candidate === scope);
      if (known === undefined) throw new TypeError(`${name}: there is no scope ${scope}`);
      return known;
    }),
  );
}
