import { nodeId } from '../support/seeded.ts';
import { checkBelongings, entries, pairs, type Shown } from './fact-belongings.ts';
import { isSeen, personsOf, placeOf, type Legal, type Person, type Reading, type State } from './fact-model.ts';
import { WORDS } from './fact-writes.ts';

const NODE = 'externalId name status';

/** A list, each of whose entries is a fact, and so is each that is missing. */
function checkList(
  { model }: Reading,
  what: string,
  { legal, seen, of }: { legal: Legal; seen: readonly (readonly string[])[]; of: (state: State) => string[][] },
): void {
  for (const [place, states] of legal) {
    const expected = states.map((state) => new Map(of(state).map((entry) => [entry[0], entry])));
    const shown = new Map(seen.filter(([key]) => placeOf(key ?? null) === place).map((entry) => [entry[0], entry]));
    for (const key of new Set([...shown.keys(), ...expected.flatMap((each) => [...each.keys()])]))
      model.check(
        `${what}: ${key}`,
        shown.get(key) ?? null,
        expected.map((each) => each.get(key) ?? null),
      );
  }
}

interface Node extends Shown {
  readonly name: string;
  readonly status: string;
}
const shown = (nodes: readonly Node[]) => nodes.map(({ externalId, name, status }) => [externalId, name, status]);
const persons = (state: State, is: (person: Person) => boolean) =>
  personsOf(state)
    .filter(is)
    .map(({ key, name, status }) => [key, name, status]);

/** What belongs to the customers of a list. */
function checkNested(
  { model, profile }: Reading,
  what: string,
  { legal, nodes }: { legal: Legal; nodes: readonly Node[] },
): void {
  for (const node of nodes) {
    const states = legal.get(placeOf(node.externalId) ?? -1) ?? [];
    checkBelongings(model, what, { shown: node, states, isSeen: (person) => isSeen(profile, person) });
  }
}

export async function readByStatus(reading: Reading): Promise<void> {
  const { model, ask, random, profile } = reading;
  const status = random.pick(['INACTIVE', 'CHURNED']);
  const end = model.begin();
  const query = `{ customers(filter: {status: ${status}}, first: 100) { totalCount nodes { ${NODE} tags owner { name } orders(first: 50) { nodes { number status } } } } }`;
  const { data, result } = await ask(query, {}, profile.headers);
  const legal = end();
  const what = `${result}: for ${profile.name}, ${status}`;
  const is = (person: Person) => person.status === status && isSeen(profile, person);
  checkList(reading, what, { legal, seen: shown(data.customers.nodes), of: (state) => persons(state, is) });
  checkNested(reading, what, { legal, nodes: data.customers.nodes });
  const { totalCount } = data.customers;
  model.checkCount(`${what}: the count`, totalCount, { legal, of: (state) => persons(state, is).length });
}

export async function readOfAgent(reading: Reading): Promise<void> {
  const { model, ask, random, profile } = reading;
  const agent = random.between(1, 2);
  const end = model.begin();
  const list = `customers(first: 100, filter: {status: [INACTIVE, CHURNED]}) { totalCount nodes { ${NODE} tags } }`;
  const { data, result } = await ask(`{ agent(id: "${nodeId('Agent', agent)}") { ${list} } }`, {}, profile.headers);
  const legal = end();
  const what = `${result}: for ${profile.name}, agent ${agent}`;
  // Who works for one agent sees no other.
  const isOther = profile.owner !== undefined && profile.owner !== agent;
  model.check(what, data.agent === null, [isOther]);
  if (data.agent === null) return;
  const { nodes, totalCount } = data.agent.customers;
  const of = (state: State) => persons(state, (person) => person.owner === agent && isSeen(profile, person));
  checkList(reading, what, { legal, seen: shown(nodes), of });
  checkNested(reading, what, { legal, nodes });
  model.checkCount(`${what}: the count`, totalCount, { legal, of: (state) => of(state).length });
}

export async function readNumbered(reading: Reading): Promise<void> {
  const { model, ask, random, profile } = reading;
  const [list, status] = random.pick([
    ['orders', 'PENDING'],
    ['orders', 'PAID'],
    ['tickets', 'OPEN'],
    ['tickets', 'RESOLVED'],
  ] as const);
  const end = model.begin();
  const query = `{ ${list}(filter: {status: ${status}}, first: 100) { nodes { number status customer { owner { name } } } } }`;
  const { data, result } = await ask(query, {}, profile.headers);
  checkList(reading, `${result}: for ${profile.name}, ${list} ${status}`, {
    legal: end(),
    seen: entries(data[list].nodes),
    of: (state) =>
      personsOf(state)
        .filter((person) => isSeen(profile, person))
        .flatMap((person) => pairs(person[list]).filter(([, each]) => each === status)),
  });
}

export async function readSearch(reading: Reading): Promise<void> {
  const { model, ask, random, profile } = reading;
  const word = random.pick(WORDS);
  const end = model.begin();
  const query = `{ searchCustomers(text: "${word}", first: 50) { nodes { ${NODE} } } }`;
  const { data, result } = await ask(query, {}, profile.headers);
  checkList(reading, `${result}: for ${profile.name}, "${word}"`, {
    legal: end(),
    seen: shown(data.searchCustomers.nodes),
    of: (state) => persons(state, (person) => person.name.startsWith(word) && isSeen(profile, person)),
  });
}
