import {
  getNamedType,
  getNullableType,
  GraphQLNonNull,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
} from 'graphql';

/** An integer from 0 up to `below`, exclusive; 0 is the plainest choice, for shrinking. */
export type Choose = (below: number) => number;

/** A valid request. */
export interface RandomRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  /** The operation to run, if there are several. */
  readonly operationName: 'R';
  /** The field that each alias stands for. */
  readonly aliases: ReadonlyMap<string, string>;
}

export interface RandomOptions {
  readonly schema: GraphQLSchema;
  readonly choose: Choose;
  /** Values for the leaves of inputs, by the name of the input field or argument, or else of its type. */
  readonly values: Readonly<Record<string, readonly unknown[]>>;
  readonly root: 'Query' | 'Mutation';
  /** The most fields and fragments, not counting `__typename`. */
  readonly selections: number;
  /** Whether there may be another operation in the document. */
  readonly severalOperations?: boolean;
}

type Field = GraphQLField<unknown, unknown>;

const LEVELS = 9;
const OTHER = 'query Other($v0: Int = 1) { customers(first: $v0) { totalCount } }';

/**
 * Generates a valid request for any schema: fields, some of them repeated; arguments as literals, with variables in place of
 * any part, given, null or left to their defaults; aliases; named and inline fragments on objects and interfaces; `@skip` and
 * `@include`. Each selection includes `__typename`.
 */
export function randomRequest(options: RandomOptions): RandomRequest {
  const draft = new Draft(options);
  const root = options.schema.getType(options.root);
  const body = draft.selections(root ?? fail(options.root), LEVELS);
  const definitions = draft.variables.map(({ definition }) => definition).join(', ');
  const head = `${options.root.toLowerCase()} R${definitions === '' ? '' : `(${definitions})`}`;
  const given = draft.variables.filter(({ value }) => value !== undefined);
  // Another operation with the same fragments and variables, or with a variable of the same name and another type.
  const others = [`${head.replace(' R', ' Other')} ${body}`, OTHER];
  const other = options.severalOperations === true && options.choose(4) === 3 ? [others[options.choose(2)]] : [];
  return {
    query: [...other, `${head} ${body}`, ...draft.fragments].join('\n'),
    operationName: 'R',
    variables: Object.fromEntries(given.map(({ name, value }) => [name, value])),
    aliases: draft.aliases,
  };
}

const fail = (name: string): never => {
  throw new Error(`the schema has no ${name}`);
};

interface Variable {
  readonly name: string;
  readonly definition: string;
  /** Undefined if not given. */
  readonly value: unknown;
}

class Draft {
  readonly variables: Variable[] = [];
  readonly fragments: string[] = [];
  readonly aliases = new Map<string, string>();
  readonly #options: RandomOptions;
  #left: number;

  constructor(options: RandomOptions) {
    this.#options = options;
    this.#left = options.selections;
  }

  #chance(oneIn: number): boolean {
    return this.#options.choose(oneIn) === oneIn - 1;
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#options.choose(items.length)] ?? fail('choice');
  }

  selections(type: GraphQLNamedType, levels: number): string {
    const parts = Array.from({ length: 1 + this.#options.choose(3) }, () => this.#selection(type, levels));
    return `{ __typename ${parts.join(' ')} }`;
  }

  #selection(type: GraphQLNamedType, levels: number): string {
    this.#left -= 1;
    if (this.#left < 0) return '__typename';
    if (isAbstractType(type) ? this.#chance(2) : this.#chance(6)) return this.#fragment(type, levels);
    if (!isObjectType(type) && !isInterfaceType(type)) return '__typename';
    const fields = Object.values(type.getFields()).filter(
      (field) => levels > 1 || isLeafType(getNamedType(field.type)),
    );
    // At least half of the picks are fields with selections, if there are any.
    const leading = fields.filter((field) => !isLeafType(getNamedType(field.type)));
    const from = leading.length > 0 && !this.#chance(2) ? leading : fields;
    return from.length === 0 ? '__typename' : this.#field(type, this.#pick(from), levels);
  }

  #fragment(type: GraphQLNamedType, levels: number): string {
    const on = isAbstractType(type) ? this.#pick(this.#options.schema.getPossibleTypes(type)) : type;
    const inner = this.selections(on, levels);
    const condition = isObjectType(on) && on.getInterfaces().length > 0 && this.#chance(4) ? 'Node' : on.name;
    // On an interface, fields of a specific type need another fragment.
    const body = condition === on.name ? inner : `{ ... on ${on.name} ${inner} }`;
    if (!this.#chance(2)) return `... on ${condition}${this.#directives()} ${body}`;
    const name = `F${this.fragments.length}`;
    // Reserves its place first, since fragments within this one add theirs.
    const taken = this.fragments.push('') - 1;
    this.fragments[taken] = `fragment ${name} on ${condition} ${body}`;
    const spread = `...${name}${this.#directives()}`;
    return this.#chance(4) ? `${spread} ...${name}` : spread;
  }

  #field(parent: GraphQLNamedType, field: Field, levels: number): string {
    const named = getNamedType(field.type);
    const args = this.#arguments(field);
    // Types of an interface have fields with the same name and different types, which may not share a response key.
    const mustBeNamed = args !== '' || (isObjectType(parent) && parent.getInterfaces().length > 0);
    const alias = mustBeNamed || this.#chance(8) ? this.#alias(field.name) : '';
    const once = () => {
      const inner = isLeafType(named) ? '' : ` ${this.selections(named, levels - 1)}`;
      return `${alias}${field.name}${args}${this.#directives()}${inner}`;
    };
    return this.#chance(8) ? `${once()} ${once()}` : once();
  }

  #alias(fieldName: string): string {
    const alias = `a${this.aliases.size}`;
    this.aliases.set(alias, fieldName);
    return `${alias}: `;
  }

  #directives(): string {
    if (!this.#chance(6)) return '';
    const names = this.#chance(4) ? ['skip', 'include'] : [this.#pick(['include', 'skip'])];
    return names.map((name) => this.#condition(name)).join('');
  }

  #condition(name: string): string {
    const plain = name === 'include';
    if (this.#chance(2)) return ` @${name}(if: ${this.#chance(4) ? !plain : plain})`;
    const value = this.#chance(3) ? !plain : plain;
    if (this.#chance(2)) return ` @${name}(if: ${this.#variable('Boolean!', value, undefined)})`;
    // With a default, the variable may be nullable.
    const type = this.#pick(['Boolean', 'Boolean!']);
    return ` @${name}(if: ${this.#variable(type, this.#chance(2) ? undefined : value, String(plain))})`;
  }

  #arguments(field: Field): string {
    const sizes = field.args.filter(({ name }) => name === 'first' || name === 'last');
    const given = field.args.filter((argument) => isRequiredArgument(argument));
    const [size] = sizes;
    if (size !== undefined && !this.#chance(5)) given.push(this.#pick(sizes));
    given.push(
      ...field.args.filter(
        ({ name, type }) =>
          isInputObjectType(getNamedType(type)) && name !== 'by' && name !== 'input' && this.#chance(4),
      ),
    );
    return given.length === 0 ? '' : `(${given.map((argument) => this.#argument(argument)).join(', ')})`;
  }

  #argument({ name, type }: GraphQLArgument): string {
    const value = !isNonNullType(type) && this.#chance(10) ? null : this.#value(name, type);
    if (!this.#chance(2)) return `${name}: ${this.#literal(name, value, type)}`;
    const literal = literalOf(value, type);
    // With a default, the variable may be omitted or have another value.
    const byDefault = value !== null && this.#chance(2) ? literal : undefined;
    const nullable = !isNonNullType(type);
    const given = (byDefault !== undefined || nullable) && this.#chance(2) ? undefined : this.#value(name, type);
    const variable = this.#variable(String(type), nullable && this.#chance(6) ? null : given, byDefault);
    return `${name}: ${variable}`;
  }

  /** A literal as in a document, occasionally with a variable in place of a part. */
  #literal(name: string, value: unknown, type: GraphQLInputType): string {
    if (isNonNullType(type)) return this.#literal(name, value, type.ofType);
    if (Array.isArray(value) && isListType(type)) {
      const items: GraphQLInputType = type.ofType;
      return `[${value.map((one) => this.#part(name, one, items)).join(', ')}]`;
    }
    if (!isInputObjectType(type) || typeof value !== 'object' || value === null) return literalOf(value, type);
    const fields = type.getFields();
    const members = Object.entries(value).map(([key, member]) => {
      const own = fields[key]?.type ?? fail(key);
      // Where the schema has a default, a nullable variable may take the place of what must not be null.
      const hasDefault = fields[key]?.default !== undefined && this.#chance(2);
      const taken = type.isOneOf ? new GraphQLNonNull(getNullableType(own)) : hasDefault ? getNullableType(own) : own;
      return `${key}: ${this.#part(key, member, taken)}`;
    });
    return `{ ${members.join(', ')} }`;
  }

  #part(name: string, value: unknown, type: GraphQLInputType): string {
    if (!this.#chance(6)) return this.#literal(name, value, type);
    const isNullable = !isNonNullType(type);
    // Omitted, null, or a value.
    const given = isNullable && this.#chance(3) ? (this.#chance(2) ? undefined : null) : this.#value(name, type);
    const byDefault = given !== null && this.#chance(4) ? literalOf(this.#value(name, type), type) : undefined;
    return this.#variable(String(type), byDefault !== undefined && this.#chance(2) ? undefined : given, byDefault);
  }

  #variable(type: string, value: unknown, byDefault: string | undefined): string {
    const name = `v${this.variables.length}`;
    this.variables.push({
      name,
      definition: `$${name}: ${type}${byDefault === undefined ? '' : ` = ${byDefault}`}`,
      value,
    });
    return `$${name}`;
  }

  #value(name: string, type: GraphQLInputType): unknown {
    if (isNonNullType(type)) return this.#value(name, type.ofType);
    if (isListType(type))
      return Array.from({ length: 1 + this.#options.choose(4) }, () => this.#value(name, type.ofType));
    if (isEnumType(type)) return this.#pick(type.getValues()).name;
    if (!isInputObjectType(type)) {
      const known = this.#options.values[name] ?? this.#options.values[type.name] ?? fail(`value for ${name}`);
      return this.#pick(known);
    }
    const fields = Object.values(type.getFields());
    const chosen = type.isOneOf
      ? [this.#pick(fields)]
      : fields.filter((field) => isRequiredInputField(field) || this.#chance(4));
    return Object.fromEntries(chosen.map((field) => [field.name, this.#value(field.name, field.type)]));
  }
}

/** A literal as in a document. */
function literalOf(value: unknown, type: GraphQLInputType): string {
  if (isNonNullType(type)) return literalOf(value, type.ofType);
  if (Array.isArray(value))
    return `[${value.map((one) => literalOf(one, isListType(type) ? type.ofType : type)).join(', ')}]`;
  if (isEnumType(type)) return String(value);
  if (!isInputObjectType(type) || typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = type.getFields();
  const members = Object.entries(value).map(
    ([name, member]) => `${name}: ${literalOf(member, fields[name]?.type ?? fail(name))}`,
  );
  return `{ ${members.join(', ')} }`;
}
