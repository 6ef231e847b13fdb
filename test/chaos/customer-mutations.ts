import type { Random } from '../../src/data/seed/random.ts';
import { rowOf } from '../mutations/writing-gateway.ts';
import { anyAgent, maybe, maybeVersion, type ChaosMutation, type Given, type Input } from './mutation.ts';
import type { Model } from './model.ts';

const STATES = ['LEAD', 'ACTIVE', 'INACTIVE', 'CHURNED'] as const;
const SELECTION = 'given: customer { id version }';

/** Few enough for collisions. */
const email = (random: Random): string => `chaos-${random.below(40)}@example.com`;

const phone = (random: Random): Input => ({ number: `+4930123${random.between(100, 999)}` });

const seeCustomer = (model: Model, given: Given | null): void => {
  if (given !== null) model.see('Customer', { id: given.id, version: given.version ?? 1 });
};

const address = (line1: string): Input => ({ line1, city: 'Zürich', country: 'CH' });

/** The writes to customers' own fields, tags and addresses, and those that remove customers. */
export const CUSTOMER_MUTATIONS: readonly ChaosMutation[] = [
  {
    name: 'createCustomer',
    weight: 14,
    selection: SELECTION,
    input: (random, _, { text }) => ({
      name: text,
      ...maybe(random, 700, () => ({ externalId: text })),
      ...maybe(random, 300, () => ({ email: email(random) })),
      ...maybe(random, 300, () => ({ phone: phone(random) })),
      ...maybe(random, 300, () => ({ tags: [`tag ${random.below(5)}`, 'chaos'] })),
      ...maybe(random, 300, () => ({ addresses: [address('Main Street 1')] })),
      ...maybe(random, 300, () => ({ ownerId: anyAgent(random) })),
    }),
    learn: seeCustomer,
  },
  {
    name: 'updateCustomer',
    weight: 20,
    selection: SELECTION,
    input(random, model, { text }) {
      const customer = model.pick('Customer', random);
      if (customer === undefined) return undefined;
      return {
        id: customer.id,
        company: text,
        ...maybe(random, 500, () => ({ expectedVersion: customer.version })),
        ...maybe(random, 300, () => ({ status: random.pick(STATES) })),
        ...maybe(random, 300, () => ({ email: random.chance(300) ? null : email(random) })),
        ...maybe(random, 300, () => ({ phone: random.chance(300) ? null : phone(random) })),
        ...maybe(random, 300, () => ({ ownerId: random.chance(300) ? null : anyAgent(random) })),
      };
    },
    learn: seeCustomer,
  },
  {
    name: 'deleteCustomer',
    weight: 4,
    selection: 'given: deletedCustomerId',
    input(random, model) {
      const customer = model.pick('Customer', random);
      return customer && { id: customer.id, ...maybeVersion(random, customer) };
    },
    learn: (model, _, { id }) => model.forget('Customer', String(id)),
    recorded: (_, { kept }) => [`DELETED Customer:${rowOf(kept)}`],
  },
  {
    name: 'mergeCustomers',
    weight: 6,
    selection: SELECTION,
    input(random, model) {
      const [keep, merge] = [model.pick('Customer', random), model.pick('Customer', random)];
      if (keep === undefined || merge === undefined) return undefined;
      return { keepId: keep.id, mergeId: merge.id, ...maybeVersion(random, keep) };
    },
    // The merged one's id stays known, and writes to it go to the kept one.
    learn: seeCustomer,
    recorded({ mergeId }, { kept, followed }) {
      const way = followed(String(rowOf(String(mergeId))));
      const merged = way[way.indexOf(kept) - 1];
      return [`MERGED Customer:${merged} into Customer:${kept}`, `MERGED Customer:${kept} with Customer:${merged}`];
    },
  },
  {
    name: 'addTags',
    weight: 10,
    selection: SELECTION,
    input(random, model, { text }) {
      const customer = model.pick('Customer', random);
      if (customer === undefined) return undefined;
      const tags = [text, ...(random.chance(300) ? ['CHAOS', `tag ${random.below(5)}`] : [])];
      return { customerId: customer.id, tags, ...maybeVersion(random, customer) };
    },
    learn(model, given, { customerId, tags }) {
      seeCustomer(model, given);
      const [id] = tags as readonly [string];
      model.see('Tag', { id, version: 1, customerId: String(customerId) });
    },
  },
  {
    name: 'removeTags',
    weight: 6,
    selection: SELECTION,
    input(random, model) {
      const tag = model.pick('Tag', random);
      return tag && { customerId: tag.customerId, tags: [random.chance(300) ? tag.id.toUpperCase() : tag.id] };
    },
    learn: seeCustomer,
    recorded: ({ tags }) => [`UPDATED without ${String(tags).toLowerCase()}`],
    isShared: true,
  },
  {
    name: 'setAddresses',
    weight: 8,
    selection: SELECTION,
    input(random, model, { text }) {
      const customer = model.pick('Customer', random);
      if (customer === undefined) return undefined;
      const more = Array.from({ length: random.below(3) }, (_, i) => address(`Side Street ${i}`));
      return { customerId: customer.id, addresses: [address(text), ...more], ...maybeVersion(random, customer) };
    },
    learn: seeCustomer,
  },
];
