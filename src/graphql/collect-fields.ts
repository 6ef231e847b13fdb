import {
  isAbstractType,
  Kind,
  typeFromAST,
  visit,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  type InlineFragmentNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';

/** What fields are collected from. */
export interface Selections {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** The values of the variables used by `@skip` and `@include`. */
  readonly conditions: ReadonlyMap<string, boolean>;
}

export const fragmentsOf = (document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> =>
  new Map(
    document.definitions.flatMap((one) =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one] as const] : [],
    ),
  );

/** The variables used by `@skip` and `@include` anywhere in a document. */
export function conditionVariables(document: DocumentNode): readonly string[] {
  const names = new Set<string>();
  visit(document, {
    Directive: ({ name, arguments: [given] = [] }) => {
      if ((name.value === 'skip' || name.value === 'include') && given?.value.kind === Kind.VARIABLE)
        names.add(given.value.name.value);
    },
  });
  return [...names];
}

/**
 * The fields that selection sets request of an object of a type, by response key: CollectFields of the GraphQL specification
 * (October 2021, 6.3.2), applied to all selection sets for the same object at once.
 */
export function collectFields(
  selections: Selections,
  type: GraphQLObjectType,
  sets: readonly SelectionSetNode[],
): ReadonlyMap<string, readonly FieldNode[]> {
  const byKey = new Map<string, FieldNode[]>();
  const spread = new Set<string>();
  const addField = (field: FieldNode): void => {
    const key = field.alias?.value ?? field.name.value;
    const nodes = byKey.get(key);
    if (nodes === undefined) byKey.set(key, [field]);
    else nodes.push(field);
  };
  const addSpread = ({ name }: FragmentSpreadNode): void => {
    const fragment = selections.fragments.get(name.value);
    if (fragment === undefined || spread.has(name.value) || !applies(fragment, selections.schema, type)) return;
    spread.add(name.value);
    addAll(fragment.selectionSet);
  };
  const addAll = (set: SelectionSetNode): void => {
    for (const selection of set.selections) {
      if (!isIncluded(selection, selections.conditions)) continue;
      if (selection.kind === Kind.FIELD) addField(selection);
      else if (selection.kind === Kind.FRAGMENT_SPREAD) addSpread(selection);
      else if (applies(selection, selections.schema, type)) addAll(selection.selectionSet);
    }
  };
  for (const set of sets) addAll(set);
  return byKey;
}

function isIncluded(
  { directives = [] }: FieldNode | FragmentSpreadNode | InlineFragmentNode,
  conditions: Selections['conditions'],
): boolean {
  const valueOf = (node: ValueNode | undefined): unknown =>
    node?.kind === Kind.VARIABLE ? conditions.get(node.name.value) : node?.kind === Kind.BOOLEAN && node.value;
  return directives.every(({ name: { value: name }, arguments: [given] = [] }) =>
    name === 'skip' || name === 'include' ? valueOf(given?.value) === (name === 'include') : true,
  );
}

function applies(
  { typeCondition }: InlineFragmentNode | FragmentDefinitionNode,
  schema: GraphQLSchema,
  type: GraphQLObjectType,
): boolean {
  if (typeCondition === undefined) return true;
  const condition = typeFromAST(schema, typeCondition);
  return condition === type || (isAbstractType(condition) && schema.isSubType(condition, type));
}
