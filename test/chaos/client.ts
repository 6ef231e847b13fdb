import { createWeighted, type Random } from '../../src/data/seed/random.ts';
import type { UserError } from '../mutations/writing-gateway.ts';
import { orGiveUp, pause, until } from '../support/patience.ts';
import type { Gateways, ShownError } from './gateways.ts';
import type { Model } from './model.ts';
import type { ChaosMutation, Given, Input, Mark } from './mutation.ts';
import { MUTATIONS } from './mutations.ts';

/** The response to a write. */
export interface Outcome {
  readonly given: Given | string | null;
  readonly userErrors: readonly UserError[];
}

/** A client's write and its outcome. */
export interface SentWrite {
  readonly mutation: ChaosMutation;
  readonly input: Input;
  readonly mark: Mark;
  readonly key: string;
  /** How many requests were made for it. */
  tries: number;
  /** Whether a gateway returned an error that is not allowed. */
  isMistaken: boolean;
  /** All outcomes reported by gateways: more than one if it was sent to both. */
  readonly answers: Outcome[];
  /** Undefined if it was never acknowledged. */
  outcome?: Outcome;
}

/** What all clients share. */
export interface Clients {
  readonly gateways: Gateways;
  readonly model: Model;
  readonly journal: SentWrite[];
  /** Reports a violation in a sentence. */
  readonly violation: (sentence: string) => void;
  /** A fault planted in the harness: each attempt has its own key, so that a write may be done twice. */
  readonly isKeyForgotten: boolean;
}

/** Codes after which the outcome is unknown. With any other response the write is done, or the gateway is wrong. */
const UNKNOWN: ReadonlySet<string> = new Set(['SERVICE_UNAVAILABLE', 'TIMEOUT']);
const FIRST_MOMENT = Date.UTC(2020, 0, 1);

const pickMutation = createWeighted(MUTATIONS.map((mutation) => [mutation, mutation.weight] as const));

/**
 * Writes until told to stop, one write after the other, each until a gateway acknowledges it. All its decisions come from
 * `random`.
 */
export async function runClient(clients: Clients, random: Random, isStopped: () => boolean): Promise<void> {
  while (!isStopped()) {
    const number = clients.journal.length + 1;
    const mark = {
      text: `mark-${number}`,
      moment: new Date(FIRST_MOMENT + number).toISOString(),
    };
    const mutation = pickMutation(random);
    const input = mutation.input(random, clients.model, mark);
    if (input === undefined) continue;
    const write: SentWrite = { mutation, input, mark, key: `key-${number}`, tries: 0, isMistaken: false, answers: [] };
    clients.journal.push(write);
    const outcome = await acknowledged(clients, write, {
      gateway: random.below(2),
      isTwice: random.chance(50),
      abandonsMs: random.chance(50) ? random.between(1, 40) : undefined,
    });
    if (outcome === undefined) continue;
    write.outcome = outcome;
    if (outcome.userErrors.length === 0)
      mutation.learn(clients.model, typeof outcome.given === 'string' ? null : outcome.given, input);
  }
}

interface Manner {
  /** Which gateway is asked first; the other one is next. */
  readonly gateway: number;
  /** Whether it is sent to both at once. */
  readonly isTwice: boolean;
  /** When to abandon the first attempt. */
  readonly abandonsMs: number | undefined;
}

/** Retries a write until a gateway has reported its outcome. */
async function acknowledged(
  clients: Clients,
  write: SentWrite,
  { gateway, isTwice, abandonsMs }: Manner,
): Promise<Outcome | undefined> {
  let next = gateway;
  const tryOnce = async (): Promise<SentWrite> => {
    const to = isTwice ? [next, 1 - next] : [next];
    next = 1 - next;
    const patienceMs = write.tries === 0 ? abandonsMs : undefined;
    const answers = await Promise.all(to.map((which) => send(clients, write, { to: which, patienceMs })));
    write.answers.push(...answers.filter((answer) => answer !== undefined));
    return write;
  };
  try {
    await until(`${described(write)} to be acknowledged`, tryOnce, ({ answers }) => answers.length > 0);
  } catch (error) {
    clients.violation(String(error));
  }
  return write.answers[0];
}

export const described = ({ mutation, input, key }: SentWrite): string =>
  `${mutation.name} with ${key} and ${JSON.stringify(input)}`;

/** Sends one request; undefined when its outcome is unknown. */
async function send(
  { gateways, violation, isKeyForgotten }: Clients,
  write: SentWrite,
  { to, patienceMs }: { to: number; patienceMs: number | undefined },
): Promise<Outcome | undefined> {
  const { name, selection } = write.mutation;
  write.tries += 1;
  const idempotencyKey = isKeyForgotten ? `${write.key}-${write.tries}` : write.key;
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation($input: ${type}!) { ${name}(input: $input) { ${selection} userErrors { code message path } } }`;
  const answer = await post(
    gateways.url(to),
    { query, variables: { input: { ...write.input, idempotencyKey } } },
    patienceMs,
  );
  if (answer === undefined) return undefined;
  const { data, errors = [] } = answer;
  const mistake = errors.find(({ extensions }) => !UNKNOWN.has(extensions.code));
  if (mistake !== undefined && !write.isMistaken)
    violation(`${described(write)} was answered ${mistake.extensions.code}: ${gateways.logged(to, mistake)}`);
  write.isMistaken ||= mistake !== undefined;
  return errors.length === 0 ? data?.[name] : undefined;
}

interface Answer {
  readonly data?: Readonly<Record<string, Outcome>> | null;
  readonly errors?: readonly ShownError[];
}

/**
 * The response, or undefined if the connection was lost before it was complete.
 * @param patienceMs when to give up; undefined for never, since a gateway that is alive responds
 */
async function post(url: string, body: object, patienceMs: number | undefined): Promise<Answer | undefined> {
  const leaving = new AbortController();
  if (patienceMs !== undefined) void pause(patienceMs).then(() => leaving.abort());
  const answer = async (): Promise<string> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: leaving.signal,
    });
    return response.text();
  };
  let text: string;
  try {
    text = await orGiveUp(`an answer of ${url}`, answer());
  } catch {
    // Refused, reset, cut off or abandoned: the next attempt learns what happened.
    return undefined;
  }
  return JSON.parse(text) as Answer;
}
