import { Kind, OperationTypeNode, parse } from 'graphql';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import type { Answer, TestGateway } from './gateway.ts';
import { startOwnGateway, type OwnGateway } from './own-gateway.ts';

export type SeededGateway = OwnGateway;

/** Starts a gateway on `customers` seeded customers (default 300) with five orders each; `close` drops them. */
export const startSeededGateway = (
  customers = 300,
  settings: Readonly<Record<string, string>> = {},
): Promise<SeededGateway> =>
  startOwnGateway(settings, (databaseUrl) => seedDatabase({ databaseUrl, customers, ordersPerCustomer: 5, seed: 1 }));

const INTROSPECTED = 'introspected: __schema { queryType { name } }';

/**
 * Executes a document both by its plan and by graphql-js, for which a query gets an introspection field that is
 * removed from the answer again. A mutation is sent twice.
 */
export async function askBoth(
  gateway: TestGateway,
  document: string | { readonly query: string; readonly operationName: string },
  variables: Readonly<Record<string, unknown>> = {},
): Promise<{ planned: Answer; plain: Answer }> {
  const { query, operationName } =
    typeof document === 'string' ? { query: document, operationName: undefined } : document;
  const options = { variables, ...(operationName === undefined ? {} : { operationName }) };
  const runs = async (executor: string) => gateway.metric(`concierge_executions_total{executor="${executor}"}`);
  const before = [await runs('planned'), await runs('plain')];
  const planned = await gateway.request(query, options);
  const operation = parse(query).definitions.find(
    (one) =>
      one.kind === Kind.OPERATION_DEFINITION && (one.name?.value === operationName || operationName === undefined),
  );
  const end = operation?.kind === Kind.OPERATION_DEFINITION ? operation.selectionSet.loc?.end : undefined;
  if (
    operation?.kind !== Kind.OPERATION_DEFINITION ||
    operation.operation !== OperationTypeNode.QUERY ||
    end === undefined
  )
    return { planned, plain: await gateway.request(query, options) };
  const at = end - 1;
  const asked = await gateway.request(`${query.slice(0, at)} ${INTROSPECTED} ${query.slice(at)}`, options);
  if (asked.data !== undefined) {
    const run = [await runs('planned'), await runs('plain')].map((count, i) => count - (before[i] ?? 0));
    if (run.join() !== '1,1')
      throw new Error(`expected to run once by its plan and once by graphql-js, ran ${run.join()}: ${query}`);
  }
  return { planned, plain: withoutIntrospection(asked, query.slice(0, at)) };
}

/** The answer as if the field were not there: locations in the document are those before its insertion. */
function withoutIntrospection(answer: Answer, before: string): Answer {
  const lines = before.split('\n');
  const [line, column] = [lines.length, lines.at(-1)?.length ?? 0];
  const moved = (errors: Answer['errors']): Answer['errors'] =>
    errors.map(({ locations, ...error }) => ({
      ...error,
      ...(locations && {
        locations: locations.map((at) =>
          at.line === line && at.column > column ? { ...at, column: at.column - INTROSPECTED.length - 2 } : at,
        ),
      }),
    }));
  const { introspected: _, ...data } = answer.data ?? {};
  return {
    ...answer,
    data: answer.data ? data : answer.data,
    errors: moved(answer.errors),
    text: answer.text.replace(/,?"introspected":\{"queryType":\{"name":"Query"\}\}/, ''),
  };
}

/** The global id of a row, as for `node`. */
export const nodeId = (type: string, id: number | bigint | string): string =>
  Buffer.from(`${type}:${id}`).toString('base64url');
