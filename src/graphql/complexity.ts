import type { DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode } from 'graphql';
import type { Limits } from '../config.ts';
import { graphqlError } from './coded-errors.ts';
import { operationCosts, type OperationCosts } from './cost.ts';
import type { CostRules } from './cost-rules.ts';
import type { Entry } from './kept.ts';
import { operationShape, type Shape } from './shape.ts';

/** The cost of a request, known before any of it runs. */
export interface RequestCost {
  /** The larger of the two below, rounded up. This is what the limit applies to. */
  readonly requested: number;
  readonly limit: number;
  /** The weights of the objects that the result can contain. */
  readonly typeCost: number;
  /** The weights of the resolvers that can run. */
  readonly fieldCost: number;
}

/** A request, measured against the limits. */
export interface Measured {
  readonly cost: RequestCost;
  /** One error for each limit that the request exceeds; it may run if there are none. */
  readonly refusals: readonly GraphQLError[];
}

/** Measures requests for one operation by their raw variables. */
export type MeasureRequest = (variables: Readonly<Record<string, unknown>> | undefined) => Measured;

/**
 * Creates a function that takes an operation of a valid document, computes once what does not depend on variables, adds what
 * that weighs to the document's entry, and returns a function that measures requests.
 */
export function createComplexity(schema: GraphQLSchema, limits: Limits, rules: CostRules) {
  const basis = { schema, rules, pageSizes: limits };
  return (document: DocumentNode, operation: OperationDefinitionNode, entry: Entry): MeasureRequest => {
    const refused = shapeRefusals(operationShape(document, operation), limits);
    const costs = operationCosts({ ...basis, entry }, document, operation);
    return (variables) => {
      const cost = requestCost(costs(variables ?? {}), limits.cost);
      return { cost, refusals: cost.requested > limits.cost ? [...refused, costRefusal(cost)] : refused };
    };
  };
}

function requestCost({ type, field }: ReturnType<OperationCosts>, limit: number): RequestCost {
  const [typeCost, fieldCost] = [rounded(type), rounded(field)];
  return { requested: Math.ceil(Math.max(typeCost, fieldCost)), limit, typeCost, fieldCost };
}

// Sums of tenths are inexact.
const rounded = (cost: number): number => Math.round(cost * 1_000) / 1_000;

const costRefusal = ({ requested, limit }: RequestCost): GraphQLError =>
  graphqlError('QUERY_TOO_COMPLEX', `Expected a cost of at most ${limit}, got ${requested}: ask for smaller pages.`);

function shapeRefusals({ depth, aliases, rootFields }: Shape, limits: Limits): readonly GraphQLError[] {
  const counts = [
    { what: 'levels of fields', limit: limits.depth, found: depth },
    { what: 'aliases', limit: limits.aliases, found: aliases },
    { what: 'root fields', limit: limits.rootFields, found: rootFields },
  ];
  return counts
    .filter(({ limit, found }) => found > limit)
    .map(({ what, limit, found }) =>
      graphqlError('QUERY_TOO_COMPLEX', `Expected at most ${limit} ${what}, got ${found}.`),
    );
}
