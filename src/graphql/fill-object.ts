import { getNullableType, GraphQLBoolean, GraphQLInt, isNonNullType, type GraphQLOutputType } from 'graphql';

/** What must be known about a field to copy it. */
export interface ObjectField {
  /** The field's name in the result. */
  readonly key: string;
  /** The name of its property in the source. */
  readonly name: string;
  /** Undefined when the value is that property. */
  readonly resolve: unknown;
  readonly type: GraphQLOutputType;
  /** Whether a string can be used as it is. */
  readonly isText: boolean;
}

/** Creates an object of the result with all copied fields and adds the lengths of its texts, or returns undefined. */
export type FillObject = (source: unknown, size: { bytes: number }) => Record<string, unknown> | undefined;

/**
 * Creates a function that fills all copied fields at once. It returns undefined when a value is not of its field's
 * JavaScript type, so that errors and functions are handled field by field, and for the first `generateAfter` objects
 * (`createPlans`).
 * @returns a function that creates objects with all `fields` in order, those that are not copied being null
 */
export function createFillObject(fields: readonly ObjectField[], generateAfter: number): FillObject {
  let count = 0;
  let fill: FillObject | undefined;
  if (!fields.some(isCopied)) return () => undefined;
  return (source, size) => {
    if (typeof source !== 'object') return undefined;
    if (fill === undefined) {
      count += 1;
      if (count <= generateAfter) return undefined;
      fill = generate(fields);
    }
    try {
      return fill(source, size);
    } catch {
      // A property that throws will throw again when its field is resolved, as that field's error.
      return undefined;
    }
  };
}

/** Whether a field is just a property of its source, of a type that needs no conversion. */
export const isCopied = (field: ObjectField): boolean =>
  field.resolve === undefined && checkOf(field, 'v') !== undefined;

function checkOf({ isText, type }: ObjectField, value: string): string | undefined {
  const named = getNullableType(type);
  // `| 0` leaves exactly the numbers unchanged that Int allows.
  const own = isText
    ? `typeof ${value} === 'string'`
    : named === GraphQLInt
      ? `(${value} | 0) === ${value}`
      : named === GraphQLBoolean
        ? `typeof ${value} === 'boolean'`
        : undefined;
  return own === undefined || isNonNullType(type) ? own : `(${value} === null || ${own})`;
}

/** Of a value that was checked. */
const lengthOf = ({ isText, type }: ObjectField, value: string): string[] =>
  !isText ? [] : isNonNullType(type) ? [`${value}.length`] : [`(${value} === null ? 0 : ${value}.length)`];

function generate(fields: readonly ObjectField[]): FillObject {
  const copied = new Map(fields.filter(isCopied).map((field, i) => [field, `v${i}`]));
  const reads = [...copied].map(([field, v]) => `const ${v} = source[${JSON.stringify(field.name)}];`);
  const checks = [...copied].map(([field, v]) => checkOf(field, v));
  // Computed keys, since a plain `__proto__` key would set the prototype.
  const members = fields.map((field) => `[${JSON.stringify(field.key)}]: ${copied.get(field) ?? 'null'}`);
  const lengths = [...copied].flatMap(([field, v]) => lengthOf(field, v));
  const count = lengths.length === 0 ? '' : `size.bytes += ${lengths.join(' + ')};`;
  const body = `${reads.join('\n')}\nif (${checks.join(' && ')}) { ${count} return { ${members.join(', ')} }; }`;
  // oxlint-disable-next-line typescript/no-implied-eval -- names of GraphQL alone, and quoted
  return new Function('source', 'size', body) as FillObject;
}
