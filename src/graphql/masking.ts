import {
  getDirectiveValues,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isIntrospectionType,
  isListType,
  isObjectType,
  type GraphQLField,
  type GraphQLSchema,
} from 'graphql';
import { MASK, MASKS, MASKS_OF_PARTS, PERSONAL_SCALARS } from '../crm/masks.ts';
import { isMet, scopeRuleOf, type ScopeRule } from './scope-rule.ts';

type Field = GraphQLField<unknown, unknown>;
type Resolve = (source: unknown, args: object, context: unknown) => unknown;
type Scopes = readonly string[];

/** Who sees which values, by the rules of `@maskedWithout`. */
export interface Masks {
  /** Whether a caller with these scopes sees all values of the schema as they are. */
  isUnmasked(scopes: Scopes): boolean;
  /** Whether such a caller may not see a field, whichever type it belongs to, or a part of its value. */
  hides(field: string, scopes: Scopes): boolean;
}

/** The resolvers of masked fields as they were; undefined for those without. */
const ORIGINALS = new WeakMap<Field, Resolve | undefined>();

/**
 * The resolver of a field for callers who may see all values of the schema. `definition.resolve` masks them for all others, so only
 * who has asked `isUnmasked` may use this.
 */
export const unmaskedResolve = (definition: Field): Resolve | undefined =>
  ORIGINALS.has(definition) ? ORIGINALS.get(definition) : (definition.resolve as Resolve | undefined);

/**
 * Has each field with `@maskedWithout` masked for callers who do not meet its rule, in every execution.
 * @throws TypeError naming a field whose type cannot be masked, or whose values are always personal and which has no rule
 */
export function maskFields(schema: GraphQLSchema): void {
  for (const { definition, coordinate, rule, named, isList } of fieldsOf(schema)) {
    if (rule === undefined) continue;
    const part = maskedPartOf(schema, definition);
    const ofType = part === undefined ? MASKS.get(named) : named === 'String' ? MASKS_OF_PARTS.get(part) : undefined;
    const mask = isList ? undefined : ofType;
    if (mask === undefined)
      throw new TypeError(
        `${coordinate}: @maskedWithout cannot mask ${part === undefined ? '' : `${part} in `}the type ${String(definition.type)}`,
      );
    const original = definition.resolve as Resolve | undefined;
    const masked = (value: unknown): unknown => {
      if (value === null || value === undefined || value instanceof Error) return value;
      return typeof value === 'string' ? mask(value) : MASK;
    };
    ORIGINALS.set(definition, original);
    definition.resolve = ((source, args, context) => {
      const value = original === undefined ? propertyOf(source, definition.name) : original(source, args, context);
      if (isMet(rule, scopesOf(context))) return value;
      return value instanceof Promise ? value.then(masked) : masked(value);
    }) satisfies Resolve as NonNullable<Field['resolve']>;
  }
}

/** Which part of a field's value is masked; undefined for all of it. */
function maskedPartOf(schema: GraphQLSchema, { astNode }: Field): string | undefined {
  const directive = schema.getDirective('maskedWithout');
  const given = directive && getDirectiveValues(directive, { directives: astNode?.directives ?? [] });
  const part = given?.['part'];
  return typeof part === 'string' && part !== 'ALL' ? part : undefined;
}

const propertyOf = (source: unknown, name: string): unknown =>
  (source as Readonly<Record<string, unknown>> | null | undefined)?.[name];

/** A context without a caller sees nothing personal. */
const scopesOf = (context: unknown): Scopes =>
  (context as { readonly caller?: { readonly scopes: Scopes } } | undefined)?.caller?.scopes ?? [];

/**
 * Reads the rules of a schema.
 * @throws TypeError naming a field whose values are always personal and which has no rule at all
 */
export function readMasks(schema: GraphQLSchema): Masks {
  const rules = new Map<string, ScopeRule>();
  const hidden = new Map<string, Set<ScopeRule>>();
  const fields = fieldsOf(schema);
  const hide = (name: string, rule: ScopeRule) => hidden.set(name, (hidden.get(name) ?? new Set()).add(rule));
  for (const { type, definition, coordinate, rule, named } of fields) {
    if (rule === undefined) {
      if (!PERSONAL_SCALARS.has(named) || scopeRuleOf(schema, definition) !== undefined) continue;
      throw new TypeError(`${coordinate}: expected @requiresScopes or @maskedWithout, since ${named} is personal`);
    }
    rules.set(JSON.stringify(rule), rule);
    hide(definition.name, rule);
    // What has no id, such as an address, is part of another object.
    if (type.getInterfaces().length === 0)
      for (const whole of fields) if (whole.named === type.name) hide(whole.definition.name, rule);
  }
  const distinct = [...rules.values()];
  return {
    isUnmasked: (scopes) => distinct.every((rule) => isMet(rule, scopes)),
    hides: (field, scopes) => [...(hidden.get(field) ?? [])].some((rule) => !isMet(rule, scopes)),
  };
}

/** Every field of the schema, with its rule and the name of its type without lists and non-null. */
function fieldsOf(schema: GraphQLSchema) {
  return Object.values(schema.getTypeMap()).flatMap((type) =>
    (isObjectType(type) || isInterfaceType(type)) && !isIntrospectionType(type)
      ? Object.values(type.getFields()).map((definition) => ({
          type,
          definition: definition as Field,
          coordinate: `${type.name}.${definition.name}`,
          rule: scopeRuleOf(schema, definition, 'maskedWithout'),
          named: getNamedType(definition.type).name,
          isList: isListType(getNullableType(definition.type)),
        }))
      : [],
  );
}
