import type { TargetName } from './mapping.ts';

/** A target whose rows stand in a table of their own; lines of orders are written with their order. */
export type TableTarget = Exclude<TargetName, 'orderItems'>;

/** How a mapped field becomes a column's value. */
export interface FieldSpec {
  readonly column: string;
  readonly kind: 'text' | 'date' | 'amount' | 'email' | 'phone' | 'currency' | 'reference';
  /** Characters at most; for texts. */
  readonly most?: number;
  /** The only values allowed; for texts. */
  readonly words?: readonly string[];
  /** Whose key the value is. */
  readonly target?: TableTarget;
  readonly isNullable?: boolean;
  /** The name in `customer_changes`, where it is not the field's. */
  readonly recordedAs?: string;
}

interface TargetSpec {
  readonly table: string;
  /** The field by which a row is found again. */
  readonly key: string;
  readonly fields: Readonly<Record<string, FieldSpec>>;
  readonly hasUpdatedAt: boolean;
}

const text = (column: string, most: number): FieldSpec => ({ column, kind: 'text', most });
const optionalText = (column: string, most: number): FieldSpec => ({ ...text(column, most), isNullable: true });
const word = (column: string, words: string): FieldSpec => ({ column, kind: 'text', words: words.split(' ') });
const date = (column: string): FieldSpec => ({ column, kind: 'date' });
const reference = (column: string, target: TableTarget): FieldSpec => ({ column, kind: 'reference', target });
const optionalReference = (column: string, target: TableTarget): FieldSpec => ({
  ...reference(column, target),
  isNullable: true,
});

/** In the order of writing: what is referred to comes first. */
export const TARGETS: Readonly<Record<TableTarget, TargetSpec>> = {
  agents: {
    table: 'agents',
    key: 'externalId',
    hasUpdatedAt: true,
    fields: {
      externalId: text('external_id', 64),
      name: text('name', 200),
      email: { column: 'email', kind: 'email', isNullable: true },
      createdAt: date('created_at'),
    },
  },
  customers: {
    table: 'customers',
    key: 'externalId',
    hasUpdatedAt: true,
    fields: {
      externalId: text('external_id', 64),
      name: text('name', 200),
      email: { column: 'email', kind: 'email', isNullable: true },
      phone: { column: 'phone', kind: 'phone', isNullable: true },
      company: optionalText('company', 200),
      status: word('status', 'LEAD ACTIVE INACTIVE CHURNED'),
      owner: { ...optionalReference('owner_id', 'agents'), recordedAs: 'ownerId' },
      createdAt: date('created_at'),
    },
  },
  products: {
    table: 'products',
    key: 'sku',
    hasUpdatedAt: true,
    fields: {
      sku: text('sku', 64),
      name: text('name', 200),
      price: { column: 'price', kind: 'amount' },
      currency: { column: 'currency', kind: 'currency' },
      createdAt: date('created_at'),
    },
  },
  orders: {
    table: 'orders',
    key: 'number',
    hasUpdatedAt: true,
    fields: {
      number: text('number', 64),
      customer: reference('customer_id', 'customers'),
      status: word('status', 'PENDING PAID SHIPPED DELIVERED CANCELLED REFUNDED'),
      currency: { column: 'currency', kind: 'currency' },
      total: { column: 'total', kind: 'amount' },
      placedAt: date('placed_at'),
      updatedAt: date('updated_at'),
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
      status: word('status', 'OPEN PENDING RESOLVED CLOSED'),
      priority: word('priority', 'LOW NORMAL HIGH URGENT'),
      openedAt: date('opened_at'),
      closedAt: { ...date('closed_at'), isNullable: true },
      updatedAt: date('updated_at'),
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
      // A TEXT column holds 65,535 bytes, and a character takes up to four.
      body: text('body', 16_383),
      occurredAt: date('occurred_at'),
    },
  },
};

/** The column in which a target keeps its key. */
export function keyColumn(spec: TargetSpec): string {
  return spec.fields[spec.key]?.column ?? spec.key;
}
