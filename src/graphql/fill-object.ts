import { getNullableType, GraphQLBoolean, GraphQLInt, isNonNullType, type GraphQLOutputType } from 'graphql';

/** What is to be known of a field to copy it. */
export interface ObjectField {
  /** What it is called in the answer. */
  readonly key: string;
  /** What its property is called at the source. */
  readonly name: string;
  /** Undefined: it is that property. */
  readonly resolve: unknown;
  readonly type: GraphQLOutputType;
  /** Whether a string goes out as it is. */
  readonly isText: boolean;
}

/** Makes an object of the answer with everything in it that is a property of its source, or nothing. */
export type FillObject = (source: unknown) => Record<string, unknown> | undefined;

/**
 * What fills the copied fields of `fields` in one go. Gives nothing where a value is not plainly one of its field's type, so
 * that an error or a function is dealt with in the field's turn; nor for the first `hot` objects, for which making the
 * function does not pay.
 * @returns objects that have all `fields`, in their order; those that are not copied are null
 */
export function createFillObject(fields: readonly ObjectField[], hot: number): FillObject {
  let met = 0;
  let fill: FillObject | undefined;
  if (!fields.some(isCopied)) return () => undefined;
  return (source) => {
    if (typeof source !== 'object') return undefined;
    if (fill === undefined) {
      met += 1;
      if (met <= hot) return undefined;
      fill = generate(fields);
    }
    try {
      return fill(source);
    } catch {
      // A property that throws does so again in its field's turn, and is that field's error.
      return undefined;
    }
  };
}

/** Whether a field is no more than a property of its source, of a type that JSON and JavaScript have in common. */
export const isCopied = (field: ObjectField): boolean =>
  field.resolve === undefined && checkOf(field, 'v') !== undefined;

function checkOf({ isText, type }: ObjectField, value: string): string | undefined {
  const named = getNullableType(type);
  // `| 0` is the same number for those that Int has.
  const own = isText
    ? `typeof ${value} === 'string'`
    : named === GraphQLInt
      ? `(${value} | 0) === ${value}`
      : named === GraphQLBoolean
        ? `typeof ${value} === 'boolean'`
        : undefined;
  return own === undefined || isNonNullType(type) ? own : `(${value} === null || ${own})`;
}

function generate(fields: readonly ObjectField[]): FillObject {
  const copied = new Map(fields.filter(isCopied).map((field, i) => [field, `v${i}`]));
  const reads = [...copied].map(([field, v]) => `const ${v} = source[${JSON.stringify(field.name)}];`);
  const checks = [...copied].map(([field, v]) => checkOf(field, v));
  // In brackets, since `__proto__` would be no property but the prototype without them.
  const members = fields.map((field) => `[${JSON.stringify(field.key)}]: ${copied.get(field) ?? 'null'}`);
  const body = `${reads.join('\n')}\nif (${checks.join(' && ')}) return { ${members.join(', ')} };`;
  // oxlint-disable-next-line typescript/no-implied-eval -- names of GraphQL alone, and quoted
  return new Function('source', body) as FillObject;
}
