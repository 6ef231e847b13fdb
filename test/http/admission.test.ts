import { describe, expect, test } from '@jest/globals';
import { createAdmission } from '../../src/http/admission.ts';
import { HttpError } from '../../src/http/http-error.ts';

/** How many of them each client gets that asks for as many as it gets, in turns; and the status of the last refusal. */
function greedily(clients: number, limits: { readonly gateway: number; readonly client: number }) {
  const { admit } = createAdmission({
    limits,
    what: 'things',
    advice: 'wait',
    retryAfterSeconds: 1,
    onCount: () => undefined,
    onRefused: () => undefined,
  });
  const got = Array.from({ length: clients }, () => 0);
  let refusal: HttpError | undefined;
  for (let round = 0; round <= limits.gateway; round += 1)
    for (const client of got.keys())
      try {
        admit(`client ${client}`);
        got[client] = (got[client] ?? 0) + 1;
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        refusal = error;
      }
  return { admit, got: [Math.min(...got), Math.max(...got)], refusal };
}

describe('clients that take as much as they get', () => {
  test.each([
    [1, 20],
    [4, 20],
    [9, 10],
    [24, 4],
  ])('%d leave as much for another one', (clients, each) => {
    const { got, admit, refusal } = greedily(clients, { gateway: 100, client: 20 });
    expect([got, refusal?.status]).toEqual([[each, each], 429]);
    for (let i = 0; i < each / 2; i += 1) admit('another one');
  });

  test('are told how much they may have, and why it is so little', () => {
    expect(greedily(1, { gateway: 100, client: 20 }).refusal?.message).toBe(
      'Expected at most 20 things of one client, got one more; wait.',
    );
    expect(greedily(9, { gateway: 100, client: 20 }).refusal?.message).toBe(
      'Expected at most 10 things of one client while others have so many, got one more; wait.',
    );
  });
});

test('a limit of nothing allows nothing', () => {
  const { got, refusal } = greedily(1, { gateway: 100, client: 0 });
  expect([got, refusal?.status]).toEqual([[0, 0], 429]);
});

test('what counts as several takes as many places, and gives them back; the first one of a client is always open to it', () => {
  const { admit } = greedily(0, { gateway: 100, client: 20 });
  const status = (...of: Parameters<typeof admit>): unknown => {
    try {
      admit(...of);
      return 'open';
    } catch (error) {
      return (error as HttpError).status;
    }
  };
  const close = admit('a', 16);
  expect(() => admit('a', 5)).toThrow('Expected at most 20 things of one client, got one that counts as 5 more; wait.');
  expect([status('a', 5), status('a', 4), status('a')]).toEqual([429, 'open', 429]);
  close();
  expect([status('a', 17), status('a', 16), status('b', 50)]).toEqual([429, 'open', 'open']);
  // 70 of 100 are taken.
  expect([status('b'), status('c', 8), status('c')]).toEqual([429, 'open', 'open']);
  expect([status('d', 40), status('e')]).toEqual(['open', 503]);
});

test.each([
  [60, 60],
  [99, 99],
  [100, 100],
  [500, 100],
])('a client that is alone may have its limit of %d', (client, expected) => {
  const { got, refusal } = greedily(1, { gateway: 100, client });
  expect([got, refusal?.status]).toEqual([[expected, expected], client < 100 ? 429 : 503]);
});

test('when everything is taken, everybody is refused with 503', () => {
  const { admit, refusal } = greedily(100, { gateway: 100, client: 20 });
  expect([refusal?.status, refusal?.headers?.['retry-after']]).toEqual([503, '1']);
  expect(() => admit('another one')).toThrow('Expected at most 100 things on this gateway, got one more; wait.');
});
