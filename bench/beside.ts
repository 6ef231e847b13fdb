import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CliError } from '../src/cli-error.ts';
import { responseNote } from './beside-responses.ts';
import { thisCheckout, type Checkout } from './checkout.ts';
import type { BenchServers } from './data.ts';
import {
  CASE_NAMES,
  checkResponses,
  createStarter,
  GATEWAY_SERVERS,
  gatewayTargets,
  isMeasured,
  startGateways,
  type Responses,
  type Side,
  type Target,
} from './targets.ts';

/** The same line of two checkouts. */
export interface Pair {
  readonly before: Target;
  readonly after: Target;
}

interface Pairs {
  readonly pairs: readonly Pair[];
  /** What a reader of the figures must know: what is compared, and how the responses differ. */
  readonly notes: readonly string[];
  readonly stop: () => Promise<void>;
}

interface PairOptions {
  readonly other: Checkout;
  /** Selects lines; at least one must be left. */
  readonly isChosen: (line: Pick<Target, 'server' | 'caseName'>) => boolean;
  readonly profile: string | undefined;
}

/**
 * Keeps apart what the two checkouts store in Redis, since their formats may differ. This checkout gets it, because older ones
 * only know the default prefix. It is as long as that one, so that neither sends more.
 */
const OWN_PREFIX = 'this-side:';

/**
 * Starts the gateways of another checkout and of this one, and checks that they send the same responses.
 * @throws CliError when a gateway does not start, or the responses differ in something that clients may depend on
 */
export async function startPairs(servers: BenchServers, { other, isChosen, profile }: PairOptions): Promise<Pairs> {
  const { start, stop } = createStarter(servers, profile);
  const isLine = (line: Pick<Target, 'server' | 'caseName'>): boolean =>
    isMeasured(line.server, line.caseName) && isChosen(line);
  const caseNames = CASE_NAMES.filter((caseName) => GATEWAY_SERVERS.some((server) => isLine({ server, caseName })));
  const startSide = async (side: Side): Promise<{ targets: readonly Target[]; responses: Responses }> => {
    const checkout = side === 'before' ? other : thisCheckout;
    const env: Record<string, string> = side === 'before' ? {} : { CACHE_PREFIX: OWN_PREFIX };
    const gateways = await startGateways(start, { checkout, caseNames, env });
    const all = caseNames.flatMap((caseName) => gatewayTargets(caseName, gateways));
    const targets = all.filter(isLine).map((target): Target => ({ ...target, side }));
    await checkResponses(targets, gateways.responses);
    return { targets, responses: gateways.responses };
  };
  try {
    const before = await named('before', other, () => startSide('before'));
    const after = await named('after', thisCheckout, () => startSide('after'));
    const notes = caseNames.flatMap((name) => responseNote(name, before.responses[name], after.responses[name]));
    return { pairs: paired(before.targets, after.targets), notes: [await heading(other), ...notes], stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Both have the same lines in the same order. */
const paired = (befores: readonly Target[], afters: readonly Target[]): readonly Pair[] =>
  befores.flatMap((before, i) => {
    const after = afters[i];
    return after === undefined ? [] : [{ before, after }];
  });

/** Adds to a failure whose it is. */
async function named<Result>(side: Side, { folder }: Checkout, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(`${side} (${folder}): ${error.message}`, { exitCode: error.exitCode, cause: error });
  }
}

async function heading(other: Checkout): Promise<string> {
  return `Before: ${await described(other)}. After: ${await described(thisCheckout)}.`;
}

async function described({ folder, node }: Checkout): Promise<string> {
  const { stdout } = await promisify(execFile)(node, ['--version']);
  return `${folder} on Node ${stdout.trim().slice(1)}`;
}
