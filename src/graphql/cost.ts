import {
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  Kind,
  valueFromASTUntyped,
  type ArgumentNode,
  type DocumentNode,
  type GraphQLField,
  type GraphQLNamedOutputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { argumentsTerm, slicedSize } from './cost-inputs.ts';
import type { CostRules, ListSize } from './cost-rules.ts';
import { max, NOTHING, sum, times, unlessLeftOut, type Costs, type Size, type Term } from './cost-terms.ts';
import { collectFields, type AskedField, type AskedSelections, type Fragments } from './selections.ts';

/** What the cost of an operation rests on besides the document. */
export interface CostBasis {
  readonly schema: GraphQLSchema;
  readonly rules: CostRules;
  readonly pageSizes: { readonly pageSizeDefault: number; readonly pageSizeMax: number };
}

/** What an operation costs with variables as they came in a request, checked or not. */
export type OperationCosts = (variables: Readonly<Record<string, unknown>>) => Costs;

/**
 * Works out an operation of a valid document as far as it can be without variables. Both costs are upper bounds of what
 * an execution with valid variables can give or run.
 */
export function operationCosts(
  basis: CostBasis,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): OperationCosts {
  const root = basis.schema.getRootType(operation.operation);
  if (!root) return () => NOTHING;
  const fragments = new Map(
    document.definitions.flatMap((one) => (one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one]] : [])),
  );
  const term = objectTerm({ ...basis, fragments }, { type: root, page: undefined }, [
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

/** The fields that are one list's pages, as `sizedFields` names them, and its size. */
interface PageFields {
  readonly names: readonly string[];
  readonly size: Size;
}

/** A field that is asked of an object once, however often the document names it. */
interface Group {
  readonly field: GraphQLField<unknown, unknown>;
  readonly asked: readonly AskedField[];
}

/** One object with all that is asked of it. */
function objectTerm(
  scope: Scope,
  { type, page }: { readonly type: GraphQLObjectType; readonly page: PageFields | undefined },
  selections: readonly AskedSelections[],
): Term {
  const groups = [...collectFields(scope, type, selections).values()].flatMap((asked): Group[] => {
    const field = asked[0] && scope.schema.getField(type, asked[0].node.name.value);
    return field === undefined ? [] : [{ field, asked }];
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
 * A page's rows are read for its `pageInfo` and its cursors too, so it weighs at least 1 an entry, unless nothing but
 * scalars is asked of the connection, such as `totalCount`. This goes beyond the specification.
 */
function rowsTerm(groups: readonly Group[], size: Size): Term {
  const reading = groups.filter(({ field }) => !isLeafType(getNamedType(field.type)));
  if (reading.length === 0) return NOTHING;
  const ways = reading.flatMap(({ asked }) => asked.map(({ conditions }) => conditions));
  return unlessLeftOut(ways, times(size, { type: 1, field: 0 }));
}

function fieldTerm(scope: Scope, { field, asked }: Group, sizeAsPage: Size): Term {
  const { rules } = scope;
  const args = asked[0]?.node.arguments ?? [];
  const listSize = rules.listSize(field);
  const size = listSize && sizeOf(scope, { field, listSize, args });
  const page = size !== undefined && listSize !== undefined && listSize.sizedFields.length > 0;
  const result = resultTerm(scope, {
    type: getNamedType(field.type),
    page: page ? { names: listSize.sizedFields, size } : undefined,
    selections: asked.flatMap(({ node: { selectionSet }, conditions }) =>
      selectionSet === undefined ? [] : [{ selectionSet, conditions }],
    ),
  });
  const term = sum([
    { type: 0, field: rules.fieldWeight(field) },
    argumentsTerm(rules.inputWeight, field.args, args),
    times(size === undefined || page ? sizeAsPage : size, result),
  ]);
  return unlessLeftOut(
    asked.map(({ conditions }) => conditions),
    term,
  );
}

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
  // What the directive says of a page without a size, and the gateway may be set to do otherwise.
  const otherwise = sizedFields.length > 0 ? pageSizes.pageSizeDefault : (assumedSize ?? 0);
  const slicing = given.field.args.filter(({ name }) => slicingArguments.includes(name));
  return slicedSize(slicing, given.args, { most: pageSizes.pageSizeMax, otherwise });
}

/** One value of a field's type. Of an abstract type, the dearest that it can be. */
function resultTerm(
  scope: Scope,
  {
    type,
    page,
    selections,
  }: {
    readonly type: GraphQLNamedOutputType;
    readonly page: PageFields | undefined;
    readonly selections: readonly AskedSelections[];
  },
): Term {
  if (isObjectType(type)) return objectTerm(scope, { type, page }, selections);
  if (!isAbstractType(type)) return { type: scope.rules.typeWeight(type), field: 0 };
  return max(scope.schema.getPossibleTypes(type).map((one) => objectTerm(scope, { type: one, page }, selections)));
}
