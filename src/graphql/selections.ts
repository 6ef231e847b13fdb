import {
  isAbstractType,
  isInterfaceType,
  Kind,
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';
import type { Condition } from './cost-terms.ts';

/** A selection set, and the conditions under which it is requested. */
export interface AskedSelections {
  readonly selectionSet: SelectionSetNode;
  readonly conditions: readonly Condition[];
}

/** An occurrence of a field in the document. */
export interface AskedField {
  readonly node: FieldNode;
  readonly conditions: readonly Condition[];
}

/** The fragments of a valid document, by name. */
export type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/**
 * The fields requested of an object, by response key. Fields with the same key are resolved once, as in execution
 * (specification section 6.3.2), so fragments that request the same fields cost no more than one of them.
 */
export function collectFields(
  { schema, fragments }: { schema: GraphQLSchema; fragments: Fragments },
  type: GraphQLObjectType,
  asked: readonly AskedSelections[],
): ReadonlyMap<string, readonly AskedField[]> {
  const groups = new Map<string, AskedField[]>();
  const collect = ({ selectionSet, conditions }: AskedSelections): void => {
    for (const selection of selectionSet.selections) {
      const own = conditionsOf(selection.directives);
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
  for (const one of asked) collect(one);
  return groups;
}

function applies(schema: GraphQLSchema, condition: string | undefined, type: GraphQLObjectType): boolean {
  if (condition === undefined || condition === type.name) return true;
  const named = schema.getType(condition);
  return (isAbstractType(named) || isInterfaceType(named)) && schema.isSubType(named, type);
}

/** Undefined when a literal leaves the selection out. */
function conditionsOf(directives: readonly DirectiveNode[] | undefined): readonly Condition[] | undefined {
  const conditions: Condition[] = [];
  for (const { name, arguments: args } of directives ?? []) {
    const leftOutBy = name.value === 'skip';
    if (!leftOutBy && name.value !== 'include') continue;
    const value = args?.[0]?.value;
    if (value?.kind === Kind.VARIABLE) conditions.push({ variable: value.name.value, leftOutBy });
    else if (value?.kind === Kind.BOOLEAN && value.value === leftOutBy) return undefined;
  }
  return conditions;
}
