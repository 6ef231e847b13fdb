import type { Random } from '../../src/data/seed/random.ts';
import { nodeId } from '../support/seeded.ts';
import type { Ask } from './cache-model.ts';
import { EMPTY, mainKey, twinKey, type Person, type Place, type State } from './fact-model.ts';

export const WORDS = ['alfa', 'bravo', 'charlie', 'delta'] as const;
const TAGS = ['blue', 'green', 'red'] as const;
const NEXT_ORDER: Readonly<Record<string, string>> = { PENDING: 'PAID', PAID: 'SHIPPED', SHIPPED: 'DELIVERED' };
const TICKET_STATES = ['OPEN', 'PENDING', 'RESOLVED'] as const;
const MOST = 3;

/** A mutation, and the state after it. */
interface Write {
  readonly mutation: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly next: State;
  /** What is created, if its id is needed later, and its key. */
  readonly made?: readonly [selection: string, key: string];
}

interface Writing {
  readonly place: Place;
  readonly main: Person;
  readonly state: State;
  readonly id: string;
  readonly random: Random;
  /** Different for each write. */
  readonly number: number;
}

const idOf = ({ ids }: Place, key: string): string => ids.get(key) ?? '';

function create(place: Place, key: string, random: Random): Write {
  const number = place.states.length;
  const person: Person = {
    key,
    name: `${WORDS[place.place]} ${number}`,
    status: random.pick(['INACTIVE', 'CHURNED']),
    owner: random.between(1, 2),
    // The next one with an email address has that of the last.
    email: `${key.replace(/-\d+$/, '')}@example.com`,
    tags: [random.pick(TAGS)],
    orders: {},
    tickets: {},
    contacts: 0,
  };
  const { name, status, email, tags } = person;
  const state = place.states.at(-1) ?? EMPTY;
  return {
    mutation: 'createCustomer',
    input: { externalId: key, name, status, email, tags, ownerId: nodeId('Agent', person.owner) },
    next: key.startsWith('twin') ? { ...state, twin: person } : { ...state, main: person },
    made: ['customer', key],
  };
}

const withMain = ({ state, main }: Writing, changed: Partial<Person>): State => ({
  ...state,
  main: { ...main, ...changed },
});

const WRITES: Readonly<Record<string, (writing: Writing) => Write | undefined>> = {
  updateCustomer(writing) {
    const { place, id, main, random, number } = writing;
    const name = `${WORDS[place.place]} ${number}`;
    const status = random.pick(['INACTIVE', 'CHURNED'] as const);
    const owner = random.chance(300) ? 3 - main.owner : main.owner;
    const ownerId = owner === main.owner ? {} : { ownerId: nodeId('Agent', owner) };
    const next = withMain(writing, { name, status, owner });
    return { mutation: 'updateCustomer', input: { id, name, status, ...ownerId }, next };
  },
  addTags(writing) {
    const { id, main, random } = writing;
    const tag = random.pick(TAGS);
    const next = withMain(writing, { tags: [...new Set([...main.tags, tag])].sort() });
    return { mutation: 'addTags', input: { customerId: id, tags: [tag] }, next };
  },
  removeTags(writing) {
    const { id, main, random } = writing;
    const tag = random.pick(TAGS);
    const next = withMain(writing, { tags: main.tags.filter((each) => each !== tag) });
    return { mutation: 'removeTags', input: { customerId: id, tags: [tag] }, next };
  },
  createOrder(writing) {
    const { place, id, main, number } = writing;
    if (Object.keys(main.orders).length >= MOST) return undefined;
    const key = `order-${place.place}-${number}`;
    const items = [{ product: { id: nodeId('Product', 1) }, quantity: 1, unitPrice: '1' }];
    const input = { customerId: id, number: key, currency: 'EUR', items };
    const next = withMain(writing, { orders: { ...main.orders, [key]: 'PENDING' } });
    return { mutation: 'createOrder', input, next, made: ['order', key] };
  },
  updateOrderStatus(writing) {
    const { place, main, random } = writing;
    const open = Object.entries(main.orders).filter(([, status]) => status in NEXT_ORDER);
    if (open.length === 0) return undefined;
    const [key, before] = random.pick(open);
    const status = NEXT_ORDER[before] ?? before;
    const next = withMain(writing, { orders: { ...main.orders, [key]: status } });
    return { mutation: 'updateOrderStatus', input: { id: idOf(place, key), status }, next };
  },
  openTicket(writing) {
    const { place, id, main, number } = writing;
    if (Object.keys(main.tickets).length >= MOST) return undefined;
    const key = `ticket-${place.place}-${number}`;
    const next = withMain(writing, { tickets: { ...main.tickets, [key]: 'OPEN' } });
    const input = { customerId: id, number: key, subject: 'A question' };
    return { mutation: 'openTicket', input, next, made: ['ticket', key] };
  },
  updateTicket(writing) {
    const { place, main, random } = writing;
    const keys = Object.keys(main.tickets);
    if (keys.length === 0) return undefined;
    const [key, status] = [random.pick(keys), random.pick(TICKET_STATES)];
    const next = withMain(writing, { tickets: { ...main.tickets, [key]: status } });
    return { mutation: 'updateTicket', input: { id: idOf(place, key), status }, next };
  },
  logInteraction(writing) {
    const { id, main } = writing;
    const next = withMain(writing, { contacts: main.contacts + 1 });
    return { mutation: 'logInteraction', input: { customerId: id, kind: 'CALL', body: 'Hello' }, next };
  },
  deleteCustomer({ id, state }) {
    return state.twin === null ? { mutation: 'deleteCustomer', input: { id }, next: EMPTY } : undefined;
  },
  createTwin({ place, state, random }) {
    if (state.twin !== null) return undefined;
    place.twins += 1;
    return create(place, twinKey(place.place, place.twins), random);
  },
  mergeCustomers({ place, id, main, state: { twin, merged } }) {
    if (twin === null) return undefined;
    const kept: Person = {
      ...main,
      tags: [...new Set([...main.tags, ...twin.tags])].sort(),
      orders: { ...main.orders, ...twin.orders },
      tickets: { ...main.tickets, ...twin.tickets },
      contacts: main.contacts + twin.contacts,
    };
    const input = { keepId: id, mergeId: idOf(place, twin.key) };
    return { mutation: 'mergeCustomers', input, next: { main: kept, twin: null, merged: [...merged, twin.key] } };
  },
};

function choose(place: Place, random: Random): Write {
  const state = place.states.at(-1) ?? EMPTY;
  const { main } = state;
  if (main === null) {
    place.mains += 1;
    return create(place, mainKey(place.place, place.mains), random);
  }
  const writing: Writing = { place, main, state, id: idOf(place, main.key), random, number: place.states.length };
  return WRITES[random.pick(Object.keys(WRITES))]?.(writing) ?? choose(place, random);
}

const typeOf = (mutation: string): string => `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`;

const numberOf = (id: string): number => Number(Buffer.from(id, 'base64url').toString().split(':')[1]);

/** Makes a random write, and returns the name of its mutation. */
export async function writeFact(ask: Ask, place: Place, random: Random): Promise<string> {
  const { mutation, input, next, made } = choose(place, random);
  place.states.push(next);
  const number = place.states.length - 1;
  const selection = made === undefined ? '' : `${made[0]} { id }`;
  const query = `mutation($input: ${typeOf(mutation)}!) { done: ${mutation}(input: $input) { ${selection} userErrors { code } } }`;
  const { data } = await ask(query, { input });
  if (data.done.userErrors.length > 0) throw new Error(`${mutation} ${JSON.stringify(input)}: ${JSON.stringify(data)}`);
  if (made !== undefined) {
    const [kind, key] = made;
    const { id } = data.done[kind];
    place.ids.set(key, id);
    place.keys.set(id, key);
    if (kind === 'customer') place.newest = numberOf(id);
  }
  place.answered = number;
  return mutation;
}
