import { Kind, type DocumentNode, type FieldNode, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';
import { fragmentsOf, type Fragments } from './collect-fields.ts';

/** Counts of an operation with its fragments spread, independent of the schema and the variables. */
export interface Shape {
  /** Levels of fields, leaves included. What is below `__schema` and `__type` has its own limits. */
  readonly depth: number;
  /** Aliases; several that name the same field in the same place count once. */
  readonly aliases: number;
  /** Response keys at the root. */
  readonly rootFields: number;
  /** Pairs of fields with the same response key in the same place, which validation compares one by one. */
  readonly pairs: number;
}

/** How large a document's operations are, and whether its fragments are cyclic. */
export interface Spread {
  /** Fields, inline fragments and spreads. */
  readonly selections: number;
  /** Whether a fragment spreads itself, which validation refuses. It is then counted once. */
  readonly isCyclic: boolean;
}

/**
 * How many selections a document's operations have once every fragment is spread where it is named, which is what compiling them
 * goes through. Works on invalid documents too, in time linear in their length.
 */
export function spreadSelections(document: DocumentNode): Spread {
  const fragments = fragmentsOf(document);
  const counts = new Map<string, number>();
  const open = new Set<string>();
  let isCyclic = false;
  const ofFragment = (name: string): number => {
    if (open.has(name)) isCyclic = true;
    const known = counts.get(name);
    if (known !== undefined) return known;
    counts.set(name, 0);
    open.add(name);
    const count = ofSelections(fragments.get(name)?.selectionSet);
    open.delete(name);
    counts.set(name, count);
    return count;
  };
  const ofSelections = (set: SelectionSetNode | undefined): number =>
    (set?.selections ?? []).reduce((sum, selection) => {
      const isSpread = selection.kind === Kind.FRAGMENT_SPREAD;
      return sum + 1 + (isSpread ? ofFragment(selection.name.value) : ofSelections(selection.selectionSet));
    }, 0);
  const operations = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  return { selections: operations.reduce((sum, one) => sum + ofSelections(one.selectionSet), 0), isCyclic };
}

/**
 * Counts over one operation of a document, valid or not, but without cyclic fragments. Takes time linear in the number of its
 * fields once every fragment is spread.
 */
export function operationShape(document: DocumentNode, operation: OperationDefinitionNode): Shape {
  const fragments = fragmentsOf(document);
  const roots = fieldsByKey(fragments, [operation.selectionSet]);
  return { ...shapeOf(fragments, roots), rootFields: roots.size };
}

function shapeOf(fragments: Fragments, groups: ReadonlyMap<string, readonly FieldNode[]>): Omit<Shape, 'rootFields'> {
  let [depth, aliases, pairs] = [0, 0, 0];
  for (const nodes of groups.values()) {
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    const below = shapeOf(fragments, fieldsByKey(fragments, sets));
    const isIntrospection = nodes.every(({ name }) => name.value === '__schema' || name.value === '__type');
    depth = Math.max(depth, 1 + (isIntrospection ? 0 : below.depth));
    aliases += (nodes.some(({ alias }) => alias !== undefined) ? 1 : 0) + below.aliases;
    pairs += (nodes.length * (nodes.length - 1)) / 2 + below.pairs;
  }
  return { depth, aliases, pairs };
}

function fieldsByKey(fragments: Fragments, sets: readonly SelectionSetNode[]): ReadonlyMap<string, FieldNode[]> {
  const groups = new Map<string, FieldNode[]>();
  const collect = (set: SelectionSetNode): void => {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        const key = selection.alias?.value ?? selection.name.value;
        const group = groups.get(key);
        if (group === undefined) groups.set(key, [selection]);
        else group.push(selection);
      } else {
        const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
        if (fragment !== undefined) collect(fragment.selectionSet);
      }
    }
  };
  for (const set of sets) collect(set);
  return groups;
}
