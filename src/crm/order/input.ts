import { quoted } from '../../errors.ts';
import type { CreateOrderInput, OrderItemInput, ProductBy } from '../../generated/graphql.ts';
import { parseId, parsePastMoment } from '../input.ts';
import { isCurrency, parseAmount, SCALE, toAmount, type Amount } from '../money.ts';
import { parseOptionalText, readKey } from '../text.ts';
import type { Problems } from '../user-errors.ts';
import { ORDER_LENGTHS } from './limits.ts';
import { MAX_ITEMS } from './table.ts';

/** How a line identifies its product. */
export type ProductKey = { readonly id: bigint } | { readonly sku: string };

/** A line of a new order. */
export interface ItemValues {
  readonly product: ProductKey;
  readonly quantity: number;
  /** Null for the product's own price. */
  readonly unitPrice: Amount | null;
  /** A fraction: 500n is 5 %. */
  readonly discount: Amount;
}

export interface OrderValues {
  readonly customerId: bigint;
  /** Null to generate one. */
  readonly number: string | null;
  readonly currency: string;
  readonly items: readonly ItemValues[];
  /** Undefined for now. */
  readonly placedAt: Date | undefined;
}

const MAX_OF_ONE = 1_000_000;
const WHOLE = toAmount(SCALE);
const NOTHING = toAmount(0n);

/** Validates what can be checked of a new order without the database. Adds to `problems`. */
export function parseOrder(input: CreateOrderInput, problems: Problems): OrderValues {
  const { currency, items } = input;
  if (!isCurrency(currency))
    problems.add('INVALID_INPUT', ['currency'], `Expected an ISO 4217 code in use, got ${quoted(currency)}.`);
  if (items.length < 1 || items.length > MAX_ITEMS)
    problems.add('INVALID_INPUT', ['items'], `Expected 1 to ${MAX_ITEMS} items, got ${items.length}.`);
  return {
    customerId: parseId('Customer', input.customerId, { path: ['customerId'], problems }),
    number: parseOptionalText(input.number, { path: ['number'], maxLength: ORDER_LENGTHS.number, problems }),
    currency,
    items: items.map((item, position) => parseItem(item, { path: ['items', position], problems })),
    placedAt: parsePastMoment(input.placedAt, { path: ['placedAt'], problems }),
  };
}

interface Place {
  readonly path: readonly (string | number)[];
  readonly problems: Problems;
}

function parseItem(item: OrderItemInput, { path, problems }: Place): ItemValues {
  const { quantity, discount: part = '0' } = item;
  if (quantity < 1 || quantity > MAX_OF_ONE)
    problems.add('INVALID_INPUT', [...path, 'quantity'], `Expected 1 to ${MAX_OF_ONE}, got ${quantity}.`);
  const price = item.unitPrice ?? null;
  const unitPrice = price === null ? null : parseAmount(price);
  if (unitPrice === undefined || (unitPrice !== null && unitPrice < NOTHING))
    problems.add('INVALID_INPUT', [...path, 'unitPrice'], `Expected a price of 0 or more, got ${quoted(price)}.`);
  const discount = parseAmount(part);
  if (discount === undefined || discount < NOTHING || discount > WHOLE)
    problems.add('INVALID_INPUT', [...path, 'discount'], `Expected a fraction from 0 to 1, got ${quoted(part)}.`);
  const product = parseProduct(item.product, { path: [...path, 'product'], problems });
  return { product, quantity, unitPrice: unitPrice ?? null, discount: discount ?? NOTHING };
}

const parseProduct = (by: ProductBy, place: Place): ProductKey =>
  by.id === undefined ? { sku: readKey(by.sku) } : { id: parseId('Product', by.id, place) };
