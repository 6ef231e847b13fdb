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
