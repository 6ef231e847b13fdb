import type { Condition } from './collect-fields.ts';

/** The two costs of the GraphQL Cost Directives specification. */
export interface Costs {
  /** Weights of the objects that a result can contain. */
  readonly type: number;
  /** Weights of the resolvers that can run. */
  readonly field: number;
}

/** A request's raw variables, with the operation's defaults for missing ones. */
export type Variables = Readonly<Record<string, unknown>>;

/** A number or, where it depends on variables, a function of them. */
export type Size = number | ((variables: Variables) => number);

/**
 * A part of an operation's cost. Whatever does not depend on variables is computed while terms are combined, so an operation
 * without sizes in variables ends up as one constant.
 */
export type Term = Costs | ((variables: Variables) => Costs);

export const NOTHING: Costs = { type: 0, field: 0 };

const evaluate = (term: Term, variables: Variables): Costs => (typeof term === 'function' ? term(variables) : term);

const evaluateSize = (size: Size, variables: Variables): number =>
  typeof size === 'function' ? size(variables) : size;

const plus = (a: Costs, b: Costs): Costs => ({ type: a.type + b.type, field: a.field + b.field });
const multiply = (n: number, { type, field }: Costs): Costs => ({ type: n * type, field: n * field });
const larger = (a: Costs, b: Costs): Costs => ({ type: Math.max(a.type, b.type), field: Math.max(a.field, b.field) });

export const sum = (terms: readonly Term[]): Term => fold(terms, plus);

/** The maximum of each cost, for alternatives of which only one happens. */
export const max = (terms: readonly Term[]): Term => fold(terms, larger);

function fold(terms: readonly Term[], combine: (a: Costs, b: Costs) => Costs): Term {
  let constant = NOTHING;
  const open: ((variables: Variables) => Costs)[] = [];
  for (const term of terms)
    if (typeof term === 'function') open.push(term);
    else constant = combine(constant, term);
  if (open.length === 0) return constant;
  return (variables) => {
    let result = constant;
    for (const term of open) result = combine(result, term(variables));
    return result;
  };
}

/** A term multiplied by a size. */
export function times(size: Size, term: Term): Term {
  if (typeof size === 'number' && typeof term === 'object') return multiply(size, term);
  return (variables) => multiply(evaluateSize(size, variables), evaluate(term, variables));
}

/** A term that counts unless all its occurrences are excluded. A missing or non-Boolean variable excludes nothing. */
export function unlessExcluded(ways: readonly (readonly Condition[])[], term: Term): Term {
  if (ways.some((conditions) => conditions.length === 0)) return term;
  return (variables) => {
    const isIncluded = ways.some((conditions) =>
      conditions.every(({ variable, excludedBy }) => variables[variable] !== excludedBy),
    );
    return isIncluded ? evaluate(term, variables) : NOTHING;
  };
}
