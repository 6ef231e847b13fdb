import { createRandom, type Random } from '../../src/data/seed/random.ts';
import { bearing, inSeconds, tokenOf } from '../access/tokens.ts';
import { pause } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import type { createCacheModel } from './cache-model.ts';
import type { FactModel, Profile } from './fact-model.ts';
import { readFact } from './fact-reads.ts';
import { writeFact } from './fact-writes.ts';
import type { Breakable } from './partition-faults.ts';
import type { CuttableGateway } from './three-gateways.ts';

const WRITERS = 2;
const READERS = 6;
const FACT_READERS = 4;
/** Each has one writer, and one more is written by whoever injects faults. */
const WRITTEN = 6;
export const QUIET = WRITTEN + 1;
/** Each has one writer. */
export const PLACES = 4;

export interface Models {
  readonly seed: number;
  readonly model: ReturnType<typeof createCacheModel>;
  readonly facts: FactModel;
  /** How often each mutation was made. */
  readonly mutations: Map<string, number>;
  /** Aborted with the error of the first client that fails. */
  readonly failing: AbortController;
}

/** Callers with different access, who share no responses. */
async function createProfiles(): Promise<readonly Profile[]> {
  const profile = async (name: string, scope: string, owner?: number): Promise<Profile> => {
    const claims = { scope, exp: inSeconds(24 * 3_600), ...(owner !== undefined && { owner: nodeId('Agent', owner) }) };
    const seesPersonalData = scope.includes('crm:pii');
    return { name, seesPersonalData, headers: bearing(await tokenOf(claims)), ...(owner !== undefined && { owner }) };
  };
  return Promise.all([
    profile('who sees all', 'crm:read crm:pii'),
    profile('who sees no personal data', 'crm:read'),
    profile('who works for agent 1', 'crm:read crm:pii', 1),
  ]);
}

/** Reads and writes through all gateways, as long as `rounds` lasts, or until a client fails. */
export async function whileAsking(
  { gateways, onlyRead }: Breakable,
  { model, seed, facts, mutations, failing }: Models,
  rounds: () => Promise<void>,
): Promise<void> {
  const done = new AbortController();
  const stopping = AbortSignal.any([done.signal, failing.signal]);
  const profiles = await createProfiles();
  const clients = (
    { count, stream }: { readonly count: number; readonly stream: number },
    step: (random: Random, client: number) => Promise<unknown>,
  ) =>
    Array.from({ length: count }, async (_, client) => {
      const random = createRandom(seed, stream + client);
      try {
        while (!stopping.aborted) await step(random, client);
      } catch (error) {
        failing.abort(error);
      }
    });
  // Who asks a stopped one waits, so that nobody would ask the others.
  const running = (): CuttableGateway[] => gateways.filter((gateway) => !gateway.isPaused());
  const toRead = (random: Random) => random.pick(random.chance(100) ? gateways : running()).ask;
  const toWrite = (random: Random) => random.pick(running().filter((gateway) => !onlyRead.has(gateway))).ask;
  const asking = [
    ...clients({ count: WRITERS, stream: 100 }, async (random, writer) => {
      await model.write(toWrite(random), writer + 1 + WRITERS * random.below(WRITTEN / WRITERS));
      // So that responses are also found.
      await pause(random.below(60));
    }),
    ...clients({ count: READERS, stream: 1 }, async (random) => {
      const ask = toRead(random);
      const what = random.pick(['one', 'one', 'one', 'long', 'list', 'count'] as const);
      if (what === 'one') await model.readOne(ask, random.between(1, QUIET));
      else if (what === 'long') await model.readLong(ask, random.pick([1, QUIET]), random.pick(['gzip', 'br']));
      else if (what === 'list') await model.readList(ask);
      else await model.readCount(ask);
    }),
    ...clients({ count: PLACES, stream: 200 }, async (random, place) => {
      const mutation = await writeFact(toWrite(random), facts.placeAt(place), random);
      mutations.set(mutation, (mutations.get(mutation) ?? 0) + 1);
      await pause(random.below(300));
    }),
    ...clients({ count: FACT_READERS, stream: 300 }, (random) =>
      readFact({ model: facts, ask: toRead(random), random, profile: random.pick(profiles) }),
    ),
  ];
  try {
    await rounds();
  } finally {
    done.abort();
    await Promise.all(asking);
  }
  failing.signal.throwIfAborted();
}
