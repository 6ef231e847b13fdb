import {
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  valueFromASTUntyped,
  type ArgumentNode,
  type DocumentNode,
  type GraphQLField,
  type GraphQLNamedOutputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import {
  collectFields,
  fragmentsOf,
  type RequestedField,
  type RequestedSelections,
  type Fragments,
} from './collect-fields.ts';
import { argumentsTerm, slicedSize } from './cost-inputs.ts';
import type { CostRules, ListSize } from './cost-rules.ts';
import type { Entry } from './kept.ts';
import { max, NOTHING, sum, times, unlessExcluded, type Costs, type Size, type Term } from './cost-terms.ts';

/** What an operation's cost depends on besides the document. */
export interface CostBasis {
  readonly schema: GraphQLSchema;
  readonly rules: CostRules;
  readonly pageSizes: { readonly pageSizeDefault: number; readonly pageSizeMax: number };
  /** What keeps the cost, to weigh it. */
  readonly entry: Entry;
}

/** An operation's cost for raw, possibly invalid variables. */
export type OperationCosts = (variables: Readonly<Record<string, unknown>>) => Costs;

/**
 * Computes the cost of an operation of a valid document as far as possible without variables. Both costs are upper bounds on
 * what an execution with valid variables can return or run.
 */
export function operationCosts(
  basis: CostBasis,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): OperationCosts {
  const root = basis.schema.getRootType(operation.operation);
  if (!root) return () => NOTHING;
  const term = objectTerm({ ...basis, fragments: fragmentsOf(document) }, { type: root, page: undefined }, [
    { selectionSet: operation.selectionSet, conditions: [] },
  ]);
  if (typeof term === 'object') return () => term;
  const defaults = (operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
    defaultValue === undefined ? [] : [[variable.name.value, valueFromASTUntyped(defaultValue)] as const],
  );
  if (defaults.length === 0) return term;
  const given = Object.fromEntries(defaults);
  return (variables) => term({ ...given, ...variables });
}

interface Scope extends CostBasis {
  readonly fragments: Fragments;
}

/** The fields that hold one list's page, as named by `sizedFields`, and its size. */
interface PageFields {
  readonly names: readonly string[];
  readonly size: Size;
}

/** A field that is resolved once per object, however often the document names it. */
interface Group {
  readonly field: GraphQLField<unknown, unknown>;
  readonly occurrences: readonly RequestedField[];
}

/** The cost of one object with everything that is requested of it. */
function objectTerm(
  scope: Scope,
  { type, page }: { readonly type: GraphQLObjectType; readonly page: PageFields | undefined },
  selections: readonly RequestedSelections[],
): Term {
  const groups = [...collectFields(scope, type, { selections }).values()].flatMap((occurrences): Group[] => {
    const field = occurrences[0] && scope.schema.getField(type, occurrences[0].node.name.value);
    return field === undefined ? [] : [{ field, occurrences }];
  });
  const isOfPage = ({ field }: Group) => page?.names.includes(field.name) === true;
  const terms = groups.filter((group) => !isOfPage(group)).map((group) => fieldTerm(scope, group, 1));
  if (page !== undefined) {
    const entries = groups.filter(isOfPage).map((group) => fieldTerm(scope, group, page.size));
    terms.push(max([sum(entries), rowsTerm(groups, page.size)]));
  }
  return sum([{ type: scope.rules.typeWeight(type), field: 0 }, ...terms]);
}

/**
 * A page's rows are also read for its `pageInfo` and cursors, so it weighs at least 1 per entry, unless only scalars of the
 * connection are requested, such as `totalCount`. The specification does not have this rule.
 */
function rowsTerm(groups: readonly Group[], size: Size): Term {
  const reading = groups.filter(({ field }) => !isLeafType(getNamedType(field.type)));
  if (reading.length === 0) return NOTHING;
  const ways = reading.flatMap(({ occurrences }) => occurrences.map(({ conditions }) => conditions));
  return unlessExcluded(ways, times(size, { type: 1, field: 0 }));
}

function fieldTerm(scope: Scope, { field, occurrences }: Group, sizeAsPage: Size): Term {
  const { rules } = scope;
  const args = occurrences[0]?.node.arguments ?? [];
  const listSize = rules.listSize(field);
  const size = listSize && sizeOf(scope, { field, listSize, args });
  const page = size !== undefined && listSize !== undefined && listSize.sizedFields.length > 0;
  const result = resultTerm(scope, {
    type: getNamedType(field.type),
    page: page ? { names: listSize.sizedFields, size } : undefined,
    selections: occurrences.flatMap(({ node: { selectionSet }, conditions }) =>
      selectionSet === undefined ? [] : [{ selectionSet, conditions }],
    ),
  });
  const term = sum([
    { type: 0, field: rules.fieldWeight(field) },
    argumentsTerm(rules.inputWeight, field.args, args),
    times(size === undefined || page ? sizeAsPage : size, result),
  ]);
  const open = unlessExcluded(
    occurrences.map(({ conditions }) => conditions),
    term,
  );
  if (typeof open === 'function') scope.entry.grow(OPEN_TERM_BYTES * (1 + args.length));
  return open;
}

/** Measured for a field whose cost depends on variables, and for each of its arguments. */
const OPEN_TERM_BYTES = 400;

function sizeOf(
  { pageSizes }: Scope,
  given: {
    readonly field: GraphQLField<unknown, unknown>;
    readonly listSize: ListSize;
    readonly args: readonly ArgumentNode[];
  },
): Size {
  const { assumedSize, slicingArguments, sizedFields } = given.listSize;
  if (slicingArguments.length === 0) return assumedSize ?? 0;
  // The directive's size applies to a page of unspecified size, but the gateway may be configured with another one.
  const otherwise = sizedFields.length > 0 ? pageSizes.pageSizeDefault : (assumedSize ?? 0);
  const slicing = given.field.args.filter(({ name }) => slicingArguments.includes(name));
  return slicedSize(slicing, given.args, { max: pageSizes.pageSizeMax, otherwise });
}

/** The cost of one value of a field's type; for an abstract type, that of its most expensive possible type. */
function resultTerm(
  scope: Scope,
  {
    type,
    page,
    selections,
  }: {
    readonly type: GraphQLNamedOutputType;
    readonly page: PageFields | undefined;
    readonly selections: readonly RequestedSelections[];
  },
): Term {
  if (isObjectType(type)) return objectTerm(scope, { type, page }, selections);
  if (!isAbstractType(type)) return { type: scope.rules.typeWeight(type), field: 0 };
  return max(scope.schema.getPossibleTypes(type).map((one) => objectTerm(scope, { type: one, page }, selections)));
}
