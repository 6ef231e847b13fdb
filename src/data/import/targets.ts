import { AGENT_LENGTHS } from '../../crm/agent/lengths.ts';
import { ADDRESS_LENGTHS, CUSTOMER_LENGTHS } from '../../crm/customer/lengths.ts';
import { INTERACTION_LENGTHS } from '../../crm/interaction/lengths.ts';
import { ORDER_LENGTHS } from '../../crm/order/lengths.ts';
import { PRODUCT_LENGTHS } from '../../crm/product/lengths.ts';
import { TICKET_LENGTHS } from '../../crm/ticket/lengths.ts';
import {
  CustomerStatus,
  InteractionKind,
  OrderStatus,
  TicketPriority,
  TicketStatus,
} from '../../generated/prisma/enums.ts';
import type { Table } from '../../batch/table.ts';
import { TABLES, type TypeName } from '../../crm/registry.ts';
import type { TargetName } from './mapping-schema.ts';
import type { TextForm } from './values.ts';

/** The target of each type. A type that is not imported says so with `never`. */
type TargetOf = OfEveryType<{
  Agent: 'agents';
  Customer: 'customers';
  Product: 'products';
  Order: 'orders';
  Ticket: 'tickets';
  Interaction: 'interactions';
}>;
type OfEveryType<Targets extends Readonly<Record<TypeName, TargetName>>> = Targets;

/** A target with a table of its own; items of orders are written with their order. */
export type TableTarget = TargetOf[keyof TargetOf];

/** How a mapped field becomes a column's value. */
export type FieldSpec = {
  readonly column: string;
  readonly isNullable?: boolean;
  /** The value of an empty cell, unless the mapping has a default. */
  readonly byDefault?: string;
  /** An empty cell leaves the stored value unchanged. */
  readonly isOptional?: boolean;
} & (
  | TextSpec
  | { readonly kind: 'word'; readonly words: readonly string[] }
  /** The value is a key of the target. */
  | { readonly kind: 'reference'; readonly target: TableTarget }
  | {
      readonly kind:
        'date' | 'amount' | 'discount' | 'quantity' | 'email' | 'phone' | 'phoneCountry' | 'country' | 'currency';
    }
);

interface TextSpec extends TextForm {
  readonly kind: 'text';
}

interface TargetSpec {
  readonly table: string;
  /** The field that rows are matched by. */
  readonly key: string;
  readonly fields: Readonly<Record<string, FieldSpec>>;
  readonly hasUpdatedAt: boolean;
}

const text = (column: string, maxLength: number) => ({ column, kind: 'text', maxLength }) as const;
const optionalText = (column: string, maxLength: number) => ({ ...text(column, maxLength), isNullable: true }) as const;
/** Names, and other texts that are searched for like names. */
const compared = (column: string, maxLength: number) => ({ ...text(column, maxLength), isCompared: true }) as const;
const word = <Word extends string>(column: string, words: Readonly<Record<Word, Word>>, byDefault?: NoInfer<Word>) =>
  ({ column, kind: 'word', words: Object.values<Word>(words), ...(byDefault && { byDefault }) }) as const;
const date = (column: string) => ({ column, kind: 'date' }) as const;
const optionalDate = (column: string) => ({ ...date(column), isOptional: true }) as const;
const reference = (column: string, target: TableTarget) => ({ column, kind: 'reference', target }) as const;
const optionalReference = (column: string, target: TableTarget) =>
  ({ ...reference(column, target), isNullable: true }) as const;

/** By target, in the order of writing: referenced ones come first. */
export const TARGETS: Readonly<Record<TableTarget, TargetSpec>> = {
  agents: {
    table: 'agents',
    key: 'externalId',
    hasUpdatedAt: true,
    fields: {
      externalId: text('external_id', AGENT_LENGTHS.externalId),
      name: compared('name', AGENT_LENGTHS.name),
      email: { column: 'email', kind: 'email', isNullable: true },
      createdAt: optionalDate('created_at'),
    },
  },
  customers: {
    table: 'customers',
    key: 'externalId',
    hasUpdatedAt: true,
    fields: {
      externalId: text('external_id', CUSTOMER_LENGTHS.externalId),
      name: compared('name', CUSTOMER_LENGTHS.name),
      email: { column: 'email', kind: 'email', isNullable: true },
      phone: { column: 'phone', kind: 'phone', isNullable: true },
      company: { ...compared('company', CUSTOMER_LENGTHS.company), isNullable: true },
      status: word('status', CustomerStatus, 'LEAD'),
      owner: optionalReference('owner_id', 'agents'),
      createdAt: optionalDate('created_at'),
    },
  },
  products: {
    table: 'products',
    key: 'sku',
    hasUpdatedAt: true,
    fields: {
      sku: text('sku', PRODUCT_LENGTHS.sku),
      name: compared('name', PRODUCT_LENGTHS.name),
      price: { column: 'price', kind: 'amount' },
      currency: { column: 'currency', kind: 'currency' },
      createdAt: optionalDate('created_at'),
    },
  },
  orders: {
    table: 'orders',
    key: 'number',
    hasUpdatedAt: true,
    fields: {
      number: text('number', ORDER_LENGTHS.number),
      customer: reference('customer_id', 'customers'),
      status: word('status', OrderStatus, 'PENDING'),
      currency: { column: 'currency', kind: 'currency' },
      total: { column: 'total', kind: 'amount', isOptional: true },
      placedAt: date('placed_at'),
      updatedAt: optionalDate('updated_at'),
    },
  },
  tickets: {
    table: 'tickets',
    key: 'number',
    hasUpdatedAt: true,
    fields: {
      number: text('number', TICKET_LENGTHS.number),
      customer: reference('customer_id', 'customers'),
      assignee: optionalReference('assignee_id', 'agents'),
      subject: text('subject', TICKET_LENGTHS.subject),
      status: word('status', TicketStatus, 'OPEN'),
      priority: word('priority', TicketPriority, 'NORMAL'),
      openedAt: date('opened_at'),
      closedAt: { ...date('closed_at'), isNullable: true },
      updatedAt: optionalDate('updated_at'),
    },
  },
  interactions: {
    table: 'interactions',
    key: 'externalId',
    hasUpdatedAt: false,
    fields: {
      externalId: text('external_id', INTERACTION_LENGTHS.externalId),
      customer: reference('customer_id', 'customers'),
      ticket: optionalReference('ticket_id', 'tickets'),
      agent: optionalReference('agent_id', 'agents'),
      kind: word('kind', InteractionKind),
      body: { ...text('body', INTERACTION_LENGTHS.importedBody), isManyLines: true },
      occurredAt: date('occurred_at'),
    },
  },
};

/** Lines of orders, which are staged in the scratch before they are written. */
export const ITEM_FIELDS = {
  order: reference('order_id', 'orders'),
  product: reference('product_id', 'products'),
  quantity: { column: 'quantity', kind: 'quantity' },
  unitPrice: { column: 'unit_price', kind: 'amount' },
  total: { column: 'total', kind: 'amount' },
  discount: { column: 'discount', kind: 'discount', byDefault: '0.0000' },
} as const satisfies Readonly<Record<string, FieldSpec>>;

/** The parts of an address, in the order of their rows. */
export const ADDRESS_PARTS = {
  label: optionalText('label', ADDRESS_LENGTHS.label),
  line1: optionalText('line1', ADDRESS_LENGTHS.line1),
  line2: optionalText('line2', ADDRESS_LENGTHS.line2),
  city: optionalText('city', ADDRESS_LENGTHS.city),
  region: optionalText('region', ADDRESS_LENGTHS.region),
  postalCode: optionalText('postal_code', ADDRESS_LENGTHS.postalCode),
  country: { column: 'country', kind: 'country', isNullable: true },
} as const satisfies Readonly<Record<string, FieldSpec>>;

export const TAG: FieldSpec = { ...compared('tag', CUSTOMER_LENGTHS.tag), isNullable: true };
export const PHONE_COUNTRY: FieldSpec = { column: 'phone', kind: 'phoneCountry', isNullable: true };

/** The column with a target's key. */
export function keyColumn(spec: TargetSpec): string {
  return spec.fields[spec.key]?.column ?? spec.key;
}

/** The table of a target, as the gateway's types define it. */
export function tableOf(target: TableTarget): Table {
  const table = TABLES.find(({ name }) => name === TARGETS[target].table);
  if (table === undefined) throw new TypeError(`expected a type with the table of ${target}`);
  return table;
}

/** Whether each change of a row raises its version, and has an entry in the record of changes. */
export const isVersioned = (target: TableTarget): boolean => 'version' in tableOf(target).columns;

/** The targets with a table of their own, in the order of writing. */
export const TABLE_TARGETS = Object.keys(TARGETS) as readonly TableTarget[];

/** The most characters of the key that the rows of a target are matched and referred to by. */
export function keyLength(target: TableTarget): number {
  const { fields, key } = TARGETS[target];
  const spec = fields[key];
  if (spec?.kind !== 'text') throw new Error(`expected the key ${key} of ${target} to be a text, got ${spec?.kind}`);
  return spec.maxLength;
}
