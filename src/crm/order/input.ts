import { quoted } from '../../errors.ts';
import type { CreateOrderInput, OrderItemInput, ProductBy } from '../../generated/graphql.ts';
import { parseId, parsePastDateTime } from '../input.ts';
import { isCurrency, parseAmount, SCALE, toAmount, type Amount } from '../money.ts';
import { parseOptionalText, readKey } from '../text.ts';
import type { Problems } from '../user-errors.ts';
import { ORDER_LENGTHS } from './lengths.ts';
import { MAX_ITEMS } from './table.ts';

/** How an item identifies its product. */
export type ProductKey = { readonly id: bigint } | { readonly sku: string };

/** An item of a new order. */
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

const MAX_QUANTITY = 1_000_000;
const ONE = toAmount(SCALE);
const ZERO = toAmount(0n);

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
    placedAt: parsePastDateTime(input.placedAt, { path: ['placedAt'], problems }),
  };
}

interface InputPlace {
  readonly path: readonly (string | number)[];
  readonly problems: Problems;
}

function parseItem(item: OrderItemInput, { path, problems }: InputPlace): ItemValues {
  const { quantity, discount: given = '0' } = item;
  if (quantity < 1 || quantity > MAX_QUANTITY)
    problems.add('INVALID_INPUT', [...path, 'quantity'], `Expected 1 to ${MAX_QUANTITY}, got ${quantity}.`);
  const price = item.unitPrice ?? null;
  const unitPrice = price === null ? null : parseAmount(price);
  if (unitPrice === undefined || (unitPrice !== null && unitPrice < ZERO))
    problems.add('INVALID_INPUT', [...path, 'unitPrice'], `Expected a price of 0 or more, got ${quoted(price)}.`);
  const discount = parseAmount(given);
  if (discount === undefined || discount < ZERO || discount > ONE)
    problems.add('INVALID_INPUT', [...path, 'discount'], `Expected a fraction from 0 to 1, got ${quoted(given)}.`);
  const product = parseProduct(item.product, { path: [...path, 'product'], problems });
  return { product, quantity, unitPrice: unitPrice ?? null, discount: discount ?? ZERO };
}

const parseProduct = (by: ProductBy, place: InputPlace): ProductKey =>
  by.id === undefined ? { sku: readKey(by.sku) } : { id: parseId('Product', by.id, place) };
