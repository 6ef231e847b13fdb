import { randomBytes } from 'node:crypto';
import { OperatorError } from '../errors.ts';
import type { PrismaClient } from '../generated/prisma/client.ts';
import { retryingConflicts } from './conflicts.ts';
import { errorCodes, toGatewayError } from './errors.ts';

/** Prisma's code for a table that does not exist. */
const NO_SUCH_TABLE = 'P2021';

/**
 * A secret that all gateways on a database share. The first one that asks for it makes it, at random; of several that ask at
 * once, all get the same one.
 * @param key.bytes its length
 * @throws SERVICE_UNAVAILABLE or TIMEOUT when the database does not answer; OperatorError when it has no table of keys, or one
 *   of another length
 */
export async function sharedKey(client: PrismaClient, key: { name: string; bytes: number }): Promise<Uint8Array> {
  const { name, bytes } = key;
  const value = await retryingConflicts(() => readOrMake(client, key)).catch((error: unknown) => {
    if (Error.isError(error) && [...errorCodes(error)].includes(NO_SUCH_TABLE))
      throw new OperatorError('The table gateway_keys is not there: run "npm run migrate" first.', { cause: error });
    throw toGatewayError(error);
  });
  if (value.length === bytes) return value;
  throw new OperatorError(
    `The table gateway_keys, row "${name}": expected a key of ${bytes} bytes, got ${value.length}. ` +
      'Stop all gateways and delete the row: the next one to start makes a new key',
  );
}

async function readOrMake(client: PrismaClient, { name, bytes }: { name: string; bytes: number }): Promise<Uint8Array> {
  const where = { name };
  // First, so that a start usually writes nothing.
  const found = await client.gatewayKey.findUnique({ where });
  if (found !== null) return found.value;
  // INSERT IGNORE: another gateway may insert a key first; then that one is kept.
  await client.gatewayKey.createMany({ data: [{ name, value: randomBytes(bytes) }], skipDuplicates: true });
  return (await client.gatewayKey.findUniqueOrThrow({ where })).value;
}
