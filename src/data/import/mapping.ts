import { readFile } from 'node:fs/promises';
import { isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { z } from 'zod';
import { UserError } from '../../user-error.ts';

const NO_INPUT_EXIT_CODE = 66;
const DATA_ERROR_EXIT_CODE = 65;

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const wordMap = z.record(z.string(), z.union([scalar, z.null()]));

const source = {
  column: z.string().min(1).optional(),
  template: z.string().min(1).optional(),
  constant: scalar.optional(),
  /** A name in `valueMaps`, or the map itself. */
  values: z.union([z.string(), wordMap]).optional(),
  /** For a word that `values` does not know; without it such a row is rejected. */
  otherwise: z.union([scalar, z.null()]).optional(),
  /** For a cell without a value. */
  default: scalar.optional(),
};

/** A text alone is the name of a column. */
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
const date = expression({
  format: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  timeZone: z.string().optional(),
});
const decimal = expression({
  decimalPoint: z.enum(['.', ',']).default('.'),
  grouping: z.string().max(1).default(''),
  percent: z.boolean().default(false),
});
const email = expression({ invalid });
const phone = expression({ country: text.optional(), invalid });

const csv = z.strictObject({
  delimiter: z.string().min(1).max(4).optional(),
  quote: z.string().max(1).optional(),
  escape: z.string().length(1).optional(),
  encoding: z.string().refine(isEncoding, 'expected an encoding such as utf-8 or windows-1252').optional(),
  nulls: z.array(z.string()).optional(),
  trim: z.boolean().optional(),
});

function isEncoding(label: string): boolean {
  try {
    return new TextDecoder(label).encoding !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const join = z.strictObject({ file: z.string().min(1), key: z.string().min(1), on: text, csv: csv.optional() });

/** One file or a list of them. */
function files<Shape extends z.ZodRawShape>(fields: Shape) {
  const one = z.strictObject({
    file: z.string().min(1),
    csv: csv.optional(),
    /** The column into which surplus cells of a row are joined back: for files with delimiters that are not quoted. */
    overflowColumn: z.string().optional(),
    joins: z.record(z.string(), join).default({}),
    fields: z.strictObject(fields),
  });
  return z.preprocess(
    (given) => (given === undefined || Array.isArray(given) ? given : [given]),
    z.array(one).min(1).optional(),
  );
}

const address = z.strictObject({
  label: text.optional(),
  line1: text,
  line2: text.optional(),
  city: text.optional(),
  region: text.optional(),
  postalCode: text.optional(),
  country: text.optional(),
});
const tag = z.preprocess(
  (given) => (typeof given === 'string' ? { column: given } : given),
  z.strictObject({ ...source, split: z.string().min(1).optional() }),
);

const targets = z.strictObject({
  agents: files({ externalId: text, name: text, email: email.optional(), createdAt: date.optional() }),
  customers: files({
    externalId: text,
    name: text,
    email: email.optional(),
    phone: phone.optional(),
    company: text.optional(),
    status: text.optional(),
    owner: text.optional(),
    createdAt: date.optional(),
    tags: z.array(tag).optional(),
    addresses: z.array(address).max(20).optional(),
  }),
  products: files({ sku: text, name: text, price: decimal, currency: text, createdAt: date.optional() }),
  orders: files({
    number: text,
    customer: text,
    status: text.optional(),
    currency: text,
    total: decimal.optional(),
    placedAt: date,
    updatedAt: date.optional(),
  }),
  orderItems: files({ order: text, product: text, quantity: text, unitPrice: decimal, discount: decimal.optional() }),
  tickets: files({
    number: text,
    customer: text,
    assignee: text.optional(),
    subject: text,
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
    body: text,
    occurredAt: date,
  }),
});

const mappingSchema = z
  .strictObject({
    name: z.string().regex(/^[\w-]{1,50}$/, 'expected letters, digits, _ and - only'),
    csv: csv.default({}),
    timeZone: z.string().default('UTC'),
    valueMaps: z.record(z.string(), wordMap).default({}),
    targets,
  })
  .superRefine((mapping, ctx) => {
    const { orders, orderItems } = mapping.targets;
    for (const [index, one] of (orders ?? []).entries())
      if (orderItems !== undefined && one.fields.total !== undefined)
        ctx.addIssue({
          code: 'custom',
          path: ['targets', 'orders', index, 'fields', 'total'],
          message: 'expected no total where orderItems are mapped: an order comes to the sum of its items',
        });
  });

/** A mapping file, checked; docs/importing.md says what each part means. */
export type Mapping = z.output<typeof mappingSchema>;
export type TargetName = keyof Mapping['targets'];
export type CsvSettings = z.output<typeof csv>;
export type DateExpression = z.output<typeof date>;
export type DecimalExpression = z.output<typeof decimal>;
export type PhoneExpression = z.output<typeof phone>;
export type TagExpression = z.output<typeof tag>;
export type AddressExpression = z.output<typeof address>;
type JoinSettings = z.output<typeof join>;

/** A source file of a target as the mapping describes it, whatever its fields. */
export interface SourceSettings {
  readonly file: string;
  readonly csv?: CsvSettings | undefined;
  readonly overflowColumn?: string | undefined;
  readonly joins: Readonly<Record<string, JoinSettings>>;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Reads and checks a mapping file.
 * @throws UserError with exit code 66 when there is none, 65 when it is wrong, naming every problem with its path
 */
export async function loadMapping(path: string): Promise<Mapping> {
  const content = await readFile(path, 'utf8').catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`The mapping ${path} cannot be read: ${reason}`, {
      cause: error,
      exitCode: NO_INPUT_EXIT_CODE,
    });
  });
  const result = mappingSchema.safeParse(parseYaml(path, content));
  if (result.success) return result.data;
  throw mappingError(
    path,
    result.error.issues.map((issue) => `${issue.path.map(String).join('.') || 'the whole'}: ${issue.message}`),
  );
}

/** What a YAML file says. A file of another kind, given by mistake, gets one line and not one for each of its own. */
function parseYaml(path: string, content: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, logLevel: 'error' });
  const refuse = (offset: number, what: string): never => {
    const { line, col } = lines.linePos(offset);
    throw new UserError(`The mapping ${path} is not YAML as expected: line ${line}, column ${col}: ${what}`, {
      exitCode: DATA_ERROR_EXIT_CODE,
    });
  };
  const [error] = document.errors;
  if (error !== undefined) {
    const [what = ''] = error.message.split(/ at line \d|\n/);
    refuse(error.pos[0], what.replaceAll(/\p{C}/gu, '?').slice(0, 200));
  }
  const { contents } = document;
  if (!isMap(contents)) {
    const came = contents === null ? 'nothing' : isScalar(contents) ? 'a text' : 'a list';
    refuse(contents?.range?.[0] ?? 0, `expected names with values, such as "name: acme", got ${came}`);
  }
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) === undefined) refuse(alias.range?.[0] ?? 0, `there is no anchor &${alias.source}`);
    },
  });
  return document.toJS();
}

/** A mapping that is wrong in itself or does not fit the files; exit code 65 (EX_DATAERR). */
function mappingError(path: string, problems: readonly string[]): UserError {
  return new UserError(`The mapping ${path} is wrong:\n  ${problems.join('\n  ')}`, { exitCode: DATA_ERROR_EXIT_CODE });
}
