import {
  isAbstractType,
  Kind,
  visit,
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** The fragments of a document, by name. */
export type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

export const fragmentsOf = (document: DocumentNode): Fragments =>
  new Map(
    document.definitions.flatMap((one) =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one] as const] : [],
    ),
  );

/** A variable in `@skip` or `@include`, and the value with which it excludes the selection. */
export interface Condition {
  readonly variable: string;
  readonly excludedBy: boolean;
}

/** A selection set, and the conditions under which it is requested. */
export interface RequestedSelections {
  readonly selectionSet: SelectionSetNode;
  readonly conditions: readonly Condition[];
}

/** An occurrence of a field in the document. */
export interface RequestedField {
  readonly node: FieldNode;
  readonly conditions: readonly Condition[];
}

/**
 * The fields that selection sets request of an object of a type, by response key: CollectFields of the GraphQL specification
 * (October 2021, 6.3.2), applied to all selection sets for the same object at once. Fields with the same key are resolved once. A
 * fragment that is spread twice gives its fields twice.
 * @param options.values those of the variables that are known; the others are left to the result's conditions
 */
export function collectFields(
  { schema, fragments }: { readonly schema: GraphQLSchema; readonly fragments: Fragments },
  type: GraphQLObjectType,
  {
    selections,
    values = NO_VALUES,
  }: { selections: readonly RequestedSelections[]; values?: ReadonlyMap<string, boolean> },
): ReadonlyMap<string, readonly RequestedField[]> {
  const groups = new Map<string, RequestedField[]>();
  const collect = ({ selectionSet, conditions }: RequestedSelections): void => {
    for (const selection of selectionSet.selections) {
      const own = conditionsOf(selection.directives, values);
      if (own === undefined) continue;
      const all = own.length === 0 ? conditions : [...conditions, ...own];
      if (selection.kind === Kind.FIELD) {
        const key = selection.alias?.value ?? selection.name.value;
        const group = groups.get(key);
        if (group === undefined) groups.set(key, [{ node: selection, conditions: all }]);
        else group.push({ node: selection, conditions: all });
        continue;
      }
      const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection;
      if (fragment !== undefined && applies(schema, fragment.typeCondition?.name.value, type))
        collect({ selectionSet: fragment.selectionSet, conditions: all });
    }
  };
  for (const one of selections) collect(one);
  return groups;
}

const NO_VALUES: ReadonlyMap<string, boolean> = new Map();

function applies(schema: GraphQLSchema, condition: string | undefined, type: GraphQLObjectType): boolean {
  if (condition === undefined || condition === type.name) return true;
  const named = schema.getType(condition);
  return isAbstractType(named) && schema.isSubType(named, type);
}

/** Undefined when a literal or a known value excludes the selection. */
function conditionsOf(
  directives: readonly DirectiveNode[] = [],
  values: ReadonlyMap<string, boolean>,
): readonly Condition[] | undefined {
  const open: Condition[] = [];
  for (const { name, arguments: [given] = [] } of directives) {
    const excludedBy = name.value === 'skip';
    if (!excludedBy && name.value !== 'include') continue;
    const value = given?.value;
    const variable = value?.kind === Kind.VARIABLE ? value.name.value : undefined;
    const known = value?.kind === Kind.BOOLEAN ? value.value : values.get(variable ?? '');
    if (known === excludedBy) return undefined;
    if (known === undefined && variable !== undefined) open.push({ variable, excludedBy });
  }
  return open;
}

/** The variables used by `@skip` and `@include` in an operation, with its fragments. */
export function conditionVariables(document: DocumentNode, operation: OperationDefinitionNode): readonly string[] {
  const names = new Set<string>();
  const fragments = fragmentsOf(document);
  // Fragments are added to it while it is gone through.
  const parts = new Set<OperationDefinitionNode | FragmentDefinitionNode>([operation]);
  for (const part of parts)
    visit(part, {
      Directive(directive) {
        for (const { variable } of conditionsOf([directive], NO_VALUES) ?? []) names.add(variable);
      },
      FragmentSpread({ name }) {
        const fragment = fragments.get(name.value);
        if (fragment !== undefined) parts.add(fragment);
      },
    });
  return [...names];
}
