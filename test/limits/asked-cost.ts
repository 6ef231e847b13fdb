import type { AnsweredCost, RequestOptions, TestGateway } from '../support/gateway.ts';

/** The cost that a gateway reports for a request, without running it. */
export async function askedCost(
  gateway: TestGateway,
  query: string,
  options: RequestOptions = {},
): Promise<AnsweredCost> {
  const { extensions, text } = await gateway.request(query, { ...options, headers: { 'graphql-cost': 'validate' } });
  if (extensions?.cost === undefined) throw new Error(`no cost: ${text}`);
  return extensions.cost;
}

/** The options of a request with variables. */
export const given = (variables: Readonly<Record<string, unknown>>): RequestOptions => ({ variables });

/** What a page of ids costs: 1 for Query, 1 for the connection, 1 per entry. */
export const page = (size: number): number => size + 2;
