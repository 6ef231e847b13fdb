import type { TargetName } from './mapping-schema.ts';

/** A target with a table of its own; lines of orders are written with their order. */
export type TableTarget = Exclude<TargetName, 'orderItems'>;

/** How a mapped field becomes a column's value. */
export interface FieldSpec {
  readonly column: string;
  readonly kind:
    | 'text'
    | 'date'
    | 'amount'
    | 'discount'
    | 'quantity'
    | 'email'
    | 'phone'
    | 'phoneCountry'
    | 'country'
    | 'currency'
    | 'reference';
  /** The most characters, for texts. */
  readonly most?: number;
  /** Whether texts may have line breaks and tabs. */
  readonly isManyLines?: boolean;
  /** Whether texts need a character that counts where names are compared. */
  readonly isCompared?: boolean;
  /** The only allowed values, for texts. */
  readonly words?: readonly string[];
  /** The target that the value is a key of. */
  readonly target?: TableTarget;
  readonly isNullable?: boolean;
  /** The value of an empty cell, unless the mapping has a default. */
  readonly byDefault?: string;
  /** An empty cell leaves the stored value unchanged. */
  readonly isOptional?: boolean;
  /** The name in `customer_changes`, if it differs from the field's. */
  readonly recordedAs?: string;
}

interface TargetSpec {
  readonly table: string;
  /** The field that rows are matched by. */
  readonly key: string;
  readonly fields: Readonly<Record<string, FieldSpec>>;
  readonly hasUpdatedAt: boolean;
}

const text = (column: string, most: number): FieldSpec => ({ column, kind: 'text', most });
const optionalText = (column: string, most: number): FieldSpec => ({ ...text(column, most), isNullable: true });
/** Names and what is found like them. */
const compared = (column: string): FieldSpec => ({ ...text(column, 200), isCompared: true });
const word = (column: string, words: string): FieldSpec => ({ column, kind: 'text', words: words.split(' ') });
const date = (column: string): FieldSpec => ({ column, kind: 'date' });
const optionalDate = (column: string): FieldSpec => ({ ...date(column), isOptional: true });
const reference = (column: string, target: TableTarget): FieldSpec => ({ column, kind: 'reference', target });
const optionalReference = (column: string, target: TableTarget): FieldSpec => ({
  ...reference(column, target),
  isNullable: true,
});

/** In the order of writing: referenced targets come first. */
export const TARGETS: Readonly<Record<TableTarget, TargetSpec>> = {
  agents: {
    table: 'agents',
    key: 'externalId',
    hasUpdatedAt: true,
    fields: {
      externalId: text('external_id', 64),
      name: compared('name'),
      email: { column: 'email', kind: 'email', isNullable: true },
      createdAt: optionalDate('created_at'),
    },
  },
  customers: {
    table: 'customers',
    key: 'externalId',
    hasUpdatedAt: true,
    fields: {
      externalId: text('external_id', 64),
      name: compared('name'),
      email: { column: 'email', kind: 'email', isNullable: true },
      phone: { column: 'phone', kind: 'phone', isNullable: true },
      company: { ...compared('company'), isNullable: true },
      status: { ...word('status', 'LEAD ACTIVE INACTIVE CHURNED'), byDefault: 'LEAD' },
      owner: { ...optionalReference('owner_id', 'agents'), recordedAs: 'ownerId' },
      createdAt: optionalDate('created_at'),
    },
  },
  products: {
    table: 'products',
    key: 'sku',
    hasUpdatedAt: true,
    fields: {
      sku: text('sku', 64),
      name: compared('name'),
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
      number: text('number', 64),
      customer: reference('customer_id', 'customers'),
      status: { ...word('status', 'PENDING PAID SHIPPED DELIVERED CANCELLED REFUNDED'), byDefault: 'PENDING' },
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
      number: text('number', 64),
      customer: reference('customer_id', 'customers'),
      assignee: optionalReference('assignee_id', 'agents'),
      subject: text('subject', 300),
      status: { ...word('status', 'OPEN PENDING RESOLVED CLOSED'), byDefault: 'OPEN' },
      priority: { ...word('priority', 'LOW NORMAL HIGH URGENT'), byDefault: 'NORMAL' },
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
      externalId: text('external_id', 64),
      customer: reference('customer_id', 'customers'),
      ticket: optionalReference('ticket_id', 'tickets'),
      agent: optionalReference('agent_id', 'agents'),
      kind: word('kind', 'CALL EMAIL CHAT MEETING NOTE'),
      // A TEXT column holds 65,535 bytes, at up to four per character.
      body: { ...text('body', 16_383), isManyLines: true },
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
  label: optionalText('label', 50),
  line1: optionalText('line1', 200),
  line2: optionalText('line2', 200),
  city: optionalText('city', 100),
  region: optionalText('region', 100),
  postalCode: optionalText('postal_code', 20),
  country: { column: 'country', kind: 'country', isNullable: true },
} as const satisfies Readonly<Record<string, FieldSpec>>;

export const TAG: FieldSpec = { ...optionalText('tag', 50), isCompared: true };
export const PHONE_COUNTRY: FieldSpec = { column: 'phone', kind: 'phoneCountry', isNullable: true };

/** The column with a target's key. */
export function keyColumn(spec: TargetSpec): string {
  return spec.fields[spec.key]?.column ?? spec.key;
}
