import type { CustomerStatus } from '../../generated/prisma/enums.ts';
import { dateTimeLiteral, nullableLiteral, textLiteral } from '../sql-text.ts';
import type { RowWriter } from '../row-writer.ts';
import { COUNTRIES, type Country } from './countries.ts';
import { createPerson, fillPattern } from './people.ts';
import { createdAtMs, DAY_MS, SEED_END_MS, type Block } from './plan.ts';
import { createWeighted, createWeightedWord, type Random } from './random.ts';

/** What rows that belong to a customer need to know about it. */
export interface SeedCustomer {
  readonly id: number;
  readonly createdAtMs: number;
  readonly ownerId: number | null;
  readonly country: Country;
}

const pickCountry = createWeighted(COUNTRIES.map((country) => [country, country.weight] as const));
const pickStatus = createWeightedWord<CustomerStatus>({
  ACTIVE: 62,
  LEAD: 18,
  INACTIVE: 12,
  CHURNED: 8,
});
const pickTagCount = createWeighted([
  [0, 28],
  [1, 34],
  [2, 20],
  [3, 10],
  [4, 5],
  [7, 2],
  [12, 1],
] as const);
const pickAddressCount = createWeighted([
  [0, 12],
  [1, 68],
  [2, 15],
  [3, 5],
] as const);
// From the most to the least frequent: about a quarter of all customers have the first, almost none the last.
const TAGS = (
  'newsletter,b2b,retail,vip,partner,wholesale,trade-fair,webinar,referral,credit-hold,gold,silver,late-payer,priority,' +
  'gift-card,student,non-profit,public-sector,reseller,press,fidélité,Stammkunde,señor-club,重要,お得意様,단골,постійний,' +
  'عميل مميز,שמורה,नियमित,⭐,🎁 birthday,beta-tester,churn-risk,upsell,eu-vat,export,do-not-call,blue,pilot'
).split(',');
const LABELS = ['Billing', 'Shipping', 'Home', 'Office', null] as const;
const MAIL_DOMAINS = ['example.com', 'example.org', 'example.net', 'mail.example', 'firma.example', 'shop.example'];

/** Adds a customer's own rows: customer, tags, addresses and the change that created it. */
export function addCustomer(block: Block, writer: RowWriter, facts: { id: number; agents: number }): SeedCustomer {
  const { random } = block;
  const country = pickCountry(random);
  const createdMs = createdAtMs(block, facts.id);
  const row = customerRow(random, { ...facts, country, createdMs });
  const created = dateTimeLiteral(createdMs);
  const updated = dateTimeLiteral(updatedAtMs(random, createdMs));
  const name = textLiteral(row.name);
  writer.add(
    'customers',
    'id,external_id,name,email,phone,company,status,owner_id,created_at,updated_at,version',
    `${facts.id},'C-${String(facts.id).padStart(8, '0')}',${name},${nullableLiteral(row.email)},` +
      `${nullableLiteral(row.phone)},${nullableLiteral(row.company)},'${row.status}',${row.ownerId ?? 'NULL'},` +
      `${created},${updated},1`,
  );
  writer.add(
    'customer_changes',
    'id,customer_id,version,action,actor,changes,occurred_at',
    `${facts.id},${facts.id},1,'CREATED','seed',${textLiteral(changesJson(row))},${created}`,
  );
  for (const tag of drawTags(random))
    writer.add(
      'customer_tags',
      'customer_id,tag,created_at,updated_at,name,owner_id',
      `${facts.id},${textLiteral(tag)},${created},${updated},${name},${row.ownerId ?? 'NULL'}`,
    );
  addAddresses(random, writer, { id: facts.id, country });
  return { id: facts.id, createdAtMs: createdMs, ownerId: row.ownerId, country };
}

interface CustomerRow {
  readonly name: string;
  readonly email: string | null;
  readonly phone: string | null;
  readonly company: string | null;
  readonly status: CustomerStatus;
  readonly ownerId: number | null;
}

function customerRow(
  random: Random,
  facts: { id: number; agents: number; country: Country; createdMs: number },
): CustomerRow {
  const { country } = facts;
  const person = createPerson(random, country);
  const email = `${person.mailbox}.${facts.id.toString(36)}@${random.pick(MAIL_DOMAINS)}`;
  return {
    name: person.name,
    // Including the id makes the address unique.
    email: random.chance(950) ? email : null,
    phone: random.chance(880) ? fillPattern(random, country.phone) : null,
    company: random.chance(550) ? random.pick(country.companies).replace('{name}', person.family) : null,
    status: pickStatus(random),
    // The smaller of two draws, so that the first agents have many customers and the last few.
    ownerId: random.chance(900) ? 1 + Math.min(random.below(facts.agents), random.below(facts.agents)) : null,
  };
}

/** Two of three customers were never updated. */
function updatedAtMs(random: Random, createdMs: number): number {
  if (!random.chance(330)) return createdMs;
  const part = random.fraction();
  return createdMs + Math.floor(part * part * Math.min(SEED_END_MS - createdMs, 700 * DAY_MS));
}

function changesJson(row: CustomerRow): string {
  const set = { name: row.name, email: row.email, phone: row.phone, company: row.company, status: row.status };
  return JSON.stringify(
    Object.entries(set)
      .filter(([, after]) => after !== null)
      .map(([field, after]) => ({ field, before: null, after })),
  );
}

function drawTags(random: Random): ReadonlySet<string> {
  const tags = new Set<string>();
  const count = pickTagCount(random);
  for (let draw = 0; draw < count; draw += 1) {
    const part = random.fraction();
    tags.add(TAGS[Math.floor(part * part * TAGS.length)] ?? 'newsletter');
  }
  return tags;
}

function addAddresses(random: Random, writer: RowWriter, facts: { id: number; country: Country }): void {
  const count = pickAddressCount(random);
  for (let position = 0; position < count; position += 1) {
    const [city, region, postalCode] = random.pick(facts.country.places);
    const line1 = random.pick(facts.country.streets).replace('{n}', String(random.between(1, 240)));
    const values = [
      position,
      nullableLiteral(random.pick(LABELS)),
      textLiteral(line1),
      random.chance(60) ? textLiteral(`c/o ${random.between(1, 99)}`) : 'NULL',
      textLiteral(city),
      region === '' ? 'NULL' : textLiteral(region),
      `'${fillPattern(random, postalCode)}'`,
      `'${facts.country.code}'`,
    ];
    writer.add(
      'customer_addresses',
      'customer_id,position,label,line1,line2,city,region,postal_code,country',
      `${facts.id},${values.join(',')}`,
    );
  }
}
