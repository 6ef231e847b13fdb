import { itemTotal, formatAmount, toAmount, type Amount } from '../../crm/money.ts';
import { dateTimeLiteral, textLiteral } from '../sql-text.ts';
import type { RowWriter } from '../row-writer.ts';
import { COUNTRIES, CURRENCIES, type Currency } from './countries.ts';
import { createPerson } from './people.ts';
import type { CatalogueType, SeedParameters } from './plan.ts';
import { createRandom, createWeighted, type Random } from './random.ts';

/** What an order's item needs to know about a product. */
interface SeedProduct {
  readonly id: number;
  readonly price: Amount;
}

/** Agents and products. They are the same for every block, so they are made once per run. */
export interface Catalogue {
  readonly agentCount: number;
  readonly productsIn: (currency: Currency) => readonly SeedProduct[];
}

const CATALOGUE_STREAM = 0;
const CATALOGUE_MS = Date.UTC(2015, 0, 5, 9);

const KINDS = [
  'Desk',
  'Chair',
  'Lamp',
  'Notebook',
  'Backpack',
  'Headphones',
  'Keyboard',
  'Monitor',
  'Bottle',
  'Kettle',
  'Café crème',
  'Grüner Tee',
  '抹茶',
  'Jalapeño sauce',
  'Crème brûlée set',
  'Smörgås tray',
] as const;
const STYLES = ['Classic', 'Compact', 'Pro', 'Éco'] as const;

// Approximate values of a euro in ten-thousandths, for plausible prices in each currency.
const EURO_RATES: Readonly<Record<Currency, bigint>> = {
  EUR: 10_000n,
  USD: 10_800n,
  GBP: 8_600n,
  JPY: 1_600_000n,
  BRL: 58_000n,
  INR: 900_000n,
  KWD: 3_300n,
};

/** How many agents and products a seed has. */
export function catalogueSize(parameters: SeedParameters): Readonly<Record<CatalogueType, number>> {
  return {
    Agent: Math.max(5, Math.min(500, Math.ceil(parameters.customers / 1_000))),
    Product: KINDS.length * STYLES.length * CURRENCIES.length,
  };
}

/** Generates the agents and products, and passes their rows to the writer, if given. */
export function createCatalogue(parameters: SeedParameters, writer?: RowWriter): Catalogue {
  const random = createRandom(parameters.seed, CATALOGUE_STREAM);
  const agents = catalogueSize(parameters).Agent;
  for (let id = 1; id <= agents; id += 1) addAgent(random, id, writer);
  const products = new Map(
    CURRENCIES.map((currency, index) => [currency, addProducts(random, { currency, index, writer })] as const),
  );
  return { agentCount: agents, productsIn: (currency) => products.get(currency) ?? [] };
}

const pickCountry = createWeighted(COUNTRIES.map((country) => [country, country.weight] as const));

function addAgent(random: Random, id: number, writer: RowWriter | undefined): void {
  const person = createPerson(random, pickCountry(random));
  const at = dateTimeLiteral(CATALOGUE_MS + id * 60_000);
  const email = `'${person.mailbox}.${id}@agents.example'`;
  writer?.add(
    'agents',
    'id,external_id,name,email,created_at,updated_at',
    `${id},'A-${String(id).padStart(4, '0')}',${textLiteral(person.name)},${email},${at},${at}`,
  );
}

function addProducts(
  random: Random,
  list: { currency: Currency; index: number; writer: RowWriter | undefined },
): readonly SeedProduct[] {
  const products: SeedProduct[] = [];
  const at = dateTimeLiteral(CATALOGUE_MS);
  for (const [kindIndex, kind] of KINDS.entries()) {
    for (const [styleIndex, style] of STYLES.entries()) {
      const place = kindIndex * STYLES.length + styleIndex;
      const id = list.index * KINDS.length * STYLES.length + place + 1;
      const price = roundPrice(random.between(199, 49_999), list.currency);
      const sku = `P-${String(place + 1).padStart(3, '0')}-${list.currency}`;
      list.writer?.add(
        'products',
        'id,sku,name,price,currency,created_at,updated_at',
        `${id},'${sku}',${textLiteral(`${kind} ${style}`)},${formatAmount(price)},'${list.currency}',${at},${at}`,
      );
      products.push({ id, price });
    }
  }
  return products;
}

/** Converts euro cents to a currency, rounded to its smallest unit. */
function roundPrice(euroCents: number, currency: Currency): Amount {
  const exact = toAmount((BigInt(euroCents) * EURO_RATES[currency]) / 100n);
  return itemTotal({ quantity: 1, unitPrice: exact, discount: 0n, currency });
}
