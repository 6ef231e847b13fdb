import { nodeId } from '../support/seeded.ts';
import { checkBelongings, type Shown } from './fact-belongings.ts';
import {
  EMPTY,
  isSeen,
  mainKey,
  personAt,
  personsOf,
  twinKey,
  type Person,
  type Reading,
  type State,
} from './fact-model.ts';

interface ShownCustomer extends Shown {
  readonly name: string;
  readonly status: string;
  readonly email: string;
  readonly owner: { readonly id: string };
}

interface Found {
  readonly customer: ShownCustomer | null;
  readonly states: readonly State[];
  readonly of: (state: State) => Person | null;
}

const CUSTOMER = `query($by: CustomerBy!) { customer(by: $by) {
  externalId name status email owner { id name } tags
  orders(first: 50) { totalCount nodes { number status } } tickets(first: 50) { totalCount nodes { number status } }
  interactions(first: 1) { totalCount } summary { orderCount openTicketCount }
} }`;

const masked = (email: string): string => `${email.charAt(0)}***@e***.com`;

interface Wanted {
  readonly by: Readonly<Record<string, string>>;
  /** Who has it in a state of this place. */
  readonly place: number;
  readonly of: (state: State) => Person | null;
}

/** Customers that exist, that were deleted or merged, and that do not exist yet. */
function choose({ model, random, profile }: Reading): Wanted {
  const { place, ids, mains, twins } = random.pick(model.places);
  const kind = random.chance(700) ? 'main' : 'twin';
  const key = kind === 'main' ? mainKey(place, mains + random.below(2)) : twinKey(place, twins + random.below(2));
  const byKey = { place, of: (state: State) => personAt(state, key) };
  const id = ids.get(key);
  const byEmail = { by: { email: `${kind}-${place}@example.com` }, place, of: (state: State) => state[kind] };
  return random.pick<Wanted>([
    { by: { externalId: key }, ...byKey },
    ...(id === undefined ? [] : [{ by: { id }, ...byKey }]),
    ...(profile.seesPersonalData ? [byEmail] : []),
  ]);
}

/** Notes what is wrong about a customer, or that it is missing. */
function checkCustomer({ model, profile }: Reading, what: string, { customer, states, of }: Found): void {
  const row = customer && [customer.externalId, customer.name, customer.status, customer.email, customer.owner.id];
  const rows = states.map((state) => {
    const person = of(state);
    if (!isSeen(profile, person)) return null;
    const email = profile.seesPersonalData ? person.email : masked(person.email);
    return [person.key, person.name, person.status, email, nodeId('Agent', person.owner)];
  });
  model.check(what, row, rows);
  if (customer !== null)
    checkBelongings(model, what, { shown: customer, states, isSeen: (one) => isSeen(profile, one) });
}

export async function readCustomer(reading: Reading): Promise<void> {
  const { model, ask, profile } = reading;
  const { by, place, of } = choose(reading);
  const end = model.begin();
  const { data, result } = await ask(CUSTOMER, { by }, profile.headers);
  const what = `${result}: for ${profile.name}, ${JSON.stringify(by)}`;
  checkCustomer(reading, what, { customer: data.customer, states: end().get(place) ?? [], of });
}

/**
 * The same by an id that nobody has yet: the database counts, so it can be guessed. Who will get it is known once that was answered; what
 * was found before then cannot be judged, but it is kept: that there was nobody must not be said any more afterwards.
 */
export async function readNext(reading: Reading): Promise<void> {
  const { model, ask, random, profile } = reading;
  const id = nodeId('Customer', Math.max(...model.places.map(({ newest }) => newest)) + random.between(1, 3));
  const end = model.begin();
  const { data, result } = await ask(CUSTOMER, { by: { id } }, profile.headers);
  const legal = end();
  const what = `${result}: for ${profile.name}, the id that comes next`;
  for (const { place, keys } of model.places) {
    const key = keys.get(id);
    if (key !== undefined)
      checkCustomer(reading, what, {
        customer: data.customer,
        states: legal.get(place) ?? [],
        of: (state) => personAt(state, key),
      });
  }
}

/** An order or a ticket by its number, which also may not exist yet, and its customer. */
export async function readNumber(reading: Reading): Promise<void> {
  const { model, ask, random, profile } = reading;
  const { place, states } = random.pick(model.places);
  const [kind, list] = random.pick([
    ['order', 'orders'],
    ['ticket', 'tickets'],
  ] as const);
  const known = personsOf(states.at(-1) ?? EMPTY).flatMap((person) => Object.keys(person[list]));
  const number = random.pick([...known, `${kind}-${place}-${states.length}`]);
  const end = model.begin();
  const query = `{ found: ${kind}(by: {number: "${number}"}) { status customer { externalId name owner { name } } } }`;
  const { data, result } = await ask(query, {}, profile.headers);
  const persons = (end().get(place) ?? []).map((state) => {
    const person = personsOf(state).find((one) => number in one[list]) ?? null;
    return isSeen(profile, person) ? person : null;
  });
  const what = `${result}: for ${profile.name}, ${number}`;
  const { found } = data;
  model.check(
    what,
    found && found.status,
    persons.map((person) => person && person[list][number]),
  );
  const ofCustomer = found && [found.customer.externalId, found.customer.name];
  model.check(
    `${what}: its customer`,
    ofCustomer,
    persons.map((person) => person && [person.key, person.name]),
  );
}
