import { normalize, sep } from 'node:path';
import { z } from 'zod';
import { MAX_ADDRESSES } from '../../crm/customer/table.ts';
import { quoted } from '../../errors.ts';
import { createDecoder } from './encodings.ts';

// YAML's scalars are read as text (mapping-yaml.ts).
const scalar = z.string();
const truth = z.enum(['true', 'false']).transform((word) => word === 'true');
const wordMap = z.record(z.string(), z.union([scalar, z.null()]));

const source = {
  column: z.string().min(1).optional(),
  template: z.string().min(1).optional(),
  constant: scalar.optional(),
  /** The name of a map in `valueMaps`, or the map itself. */
  values: z.union([z.string(), wordMap]).optional(),
  /** The value for words that are not in `values`; without it, such rows are rejected. */
  otherwise: z.union([scalar, z.null()]).optional(),
  /** The value for an empty cell. */
  default: scalar.optional(),
};

/** Text alone is short for `column`. */
function expression<Shape extends z.ZodRawShape>(extra: Shape) {
  const shape = z.strictObject({ ...source, ...extra });
  return z.preprocess(
    (given) => (typeof given === 'string' ? { column: given } : given),
    shape.superRefine((value, ctx) => {
      const given = ['column', 'template', 'constant'].filter((key) => Object.hasOwn(value, key));
      if (given.length === 1) return;
      const came = given.length === 0 ? 'none of them' : given.join(' and ');
      ctx.addIssue({ code: 'custom', message: `expected one of column, template, constant; got ${came}` });
    }),
  );
}

const invalid = z.enum(['reject', 'null']).default('reject');
const text = expression({});
/** `cut` shortens text that is too long, and reports that. */
const tooLong = z.enum(['reject', 'cut']).default('reject');
const longText = expression({ tooLong });
/** `blank` joins several lines into one, with blanks. */
const lineText = expression({ tooLong, lineBreaks: z.enum(['reject', 'blank']).default('reject') });
const date = expression({
  format: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  timeZone: z.string().optional(),
});
const decimalForm = {
  decimalPoint: z.enum(['.', ',']).default('.'),
  grouping: z.string().max(1).default(''),
  groupSizes: z.enum(['thousands', 'indian']).default('thousands'),
  symbol: z.string().max(10).default(''),
  negative: z.enum(['leading', 'trailing', 'parentheses']).default('leading'),
  negate: truth.default(false),
  percent: truth.default(false),
};
const decimal = expression(decimalForm);
/** `round` rounds amounts with more decimals than the currency has, such as computed ones. */
const itemTotal = expression({ ...decimalForm, decimals: z.enum(['reject', 'round']).default('reject') });
const quantity = expression({
  ...decimalForm,
  returns: z.enum(['reject', 'negativePrice']).default('reject'),
  fractions: z.enum(['reject', 'one']).default('reject'),
});
const email = expression({ invalid });
const phone = expression({ country: text.optional(), invalid, extension: z.enum(['reject', 'cut']).default('reject') });

const csv = z.strictObject({
  delimiter: z.string().min(1).max(4).optional(),
  quote: z.string().max(1).optional(),
  escape: z.string().length(1).optional(),
  encoding: z
    .string()
    .refine((label) => createDecoder(label) !== undefined, 'expected an encoding such as utf-8 or windows-1252')
    .optional(),
  nulls: z.array(z.string()).optional(),
  trim: truth.optional(),
  /** The column names, for a file without a header line. */
  columns: z.array(z.string().min(1)).min(1).optional(),
  /** How many lines precede the one with the column names. */
  skipLines: z
    .string()
    .regex(/^\d{1,4}$/, 'expected a number of lines from 0 to 9999')
    .transform(Number)
    .optional(),
});

/** A path below the import's folder, so that a mapping from somebody else cannot read other files. */
const filePath = z
  .string()
  .min(1)
  .refine(isBelow, { error: ({ input }) => `expected a path below the folder, got ${quoted(input)}` });

function isBelow(path: string): boolean {
  const [first] = normalize(path).split(sep);
  return first !== '..' && first !== '.';
}

const join = z.strictObject({ file: filePath, key: z.string().min(1), on: text, csv: csv.optional() });

/** One file or a list of them. */
function files<Shape extends z.ZodRawShape>(fields: Shape) {
  const one = z.strictObject({
    /** One file, or several with the same columns. */
    file: z.union([filePath, z.array(filePath).min(1)]),
    csv: csv.optional(),
    /** The column that surplus cells of a row are joined back into, for files with unquoted delimiters. */
    overflowColumn: z.string().optional(),
    joins: z.record(z.string(), join).default({}),
    /** Rows where this is empty are skipped. */
    onlyIf: text.optional(),
    /** For rows with the same key: `skip` ignores those identical to an earlier one, `first` all after the first. */
    repeats: z.enum(['reject', 'skip', 'first']).default('reject'),
    fields: z.strictObject(fields),
  });
  return z.preprocess(
    (given) => (given === undefined || Array.isArray(given) ? given : [given]),
    z.array(one).min(1).optional(),
  );
}

const address = z.strictObject({
  label: lineText.optional(),
  line1: lineText,
  line2: lineText.optional(),
  city: lineText.optional(),
  region: lineText.optional(),
  postalCode: lineText.optional(),
  country: text.optional(),
});
const tag = z.preprocess(
  (given) => (typeof given === 'string' ? { column: given } : given),
  z.strictObject({ ...source, split: z.string().min(1).optional() }),
);

const targets = z.strictObject({
  agents: files({ externalId: text, name: lineText, email: email.optional(), createdAt: date.optional() }),
  customers: files({
    externalId: text,
    name: lineText,
    email: email.optional(),
    phone: phone.optional(),
    company: lineText.optional(),
    status: text.optional(),
    owner: text.optional(),
    createdAt: date.optional(),
    tags: z.array(tag).optional(),
    addresses: z.array(address).max(MAX_ADDRESSES).optional(),
  }),
  products: files({ sku: text, name: lineText, price: decimal, currency: text, createdAt: date.optional() }),
  orders: files({
    number: text,
    customer: text,
    status: text.optional(),
    currency: text,
    total: decimal.optional(),
    placedAt: date,
    updatedAt: date.optional(),
  }),
  orderItems: files({
    order: text,
    product: text,
    quantity,
    /** Exactly one of `unitPrice` and `total`; the other is computed. */
    unitPrice: decimal.optional(),
    total: itemTotal.optional(),
    discount: decimal.optional(),
  }),
  tickets: files({
    number: text,
    customer: text,
    assignee: text.optional(),
    subject: lineText,
    status: text.optional(),
    priority: text.optional(),
    openedAt: date,
    closedAt: date.optional(),
    updatedAt: date.optional(),
  }),
  interactions: files({
    externalId: text,
    customer: text,
    ticket: text.optional(),
    agent: text.optional(),
    kind: text,
    body: longText,
    occurredAt: date,
  }),
});

export const mappingSchema = z.strictObject({
  name: z.string().regex(/^[\w-]{1,50}$/, 'expected letters, digits, _ and - only'),
  csv: csv.default({}),
  timeZone: z.string().default('UTC'),
  valueMaps: z.record(z.string(), wordMap).default({}),
  targets: targets.refine((given) => Object.keys(given).length > 0, 'expected at least one target, such as customers'),
});

/** A valid mapping file; docs/importing.md describes each part. */
export type Mapping = z.output<typeof mappingSchema>;
export type TargetName = keyof Mapping['targets'];
export type CsvSettings = z.output<typeof csv>;
export type DateExpression = z.output<typeof date>;
export type DecimalExpression = z.output<typeof decimal>;
export type QuantityExpression = z.output<typeof quantity>;
export type LineTextExpression = z.output<typeof lineText>;
export type PhoneExpression = z.output<typeof phone>;
export type TagExpression = z.output<typeof tag>;
export type AddressExpression = z.output<typeof address>;
export type ValueExpression = z.output<typeof text>;
type JoinSettings = z.output<typeof join>;

/** A target's source file in the mapping, whatever its fields. */
export interface SourceSettings {
  readonly file: string | readonly string[];
  readonly csv?: CsvSettings | undefined;
  readonly overflowColumn?: string | undefined;
  readonly joins: Readonly<Record<string, JoinSettings>>;
  readonly onlyIf?: ValueExpression | undefined;
  readonly repeats: 'reject' | 'skip' | 'first';
  readonly fields: Readonly<Record<string, unknown>>;
}
