import { expect, test } from '@jest/globals';
import { ANYBODY } from '../../src/access/caller.ts';
import { Patience } from '../../src/cache/patience.ts';
import { createRespond, type Run } from '../../src/graphql/run.ts';
import { UnknownDocument } from '../../src/graphql/persisted.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { answerOf, asking, createRunAlone, originOf } from '../access/run-alone.ts';
import { PATIENCE_MS } from '../support/patience.ts';

const never = () => new Promise<string>(() => undefined);

test('waits for as long as a command may take, and then a quarter of that', async () => {
  const patience = new Patience(PATIENCE_MS);
  expect(await patience.wait(() => Promise.resolve('at once'))).toBe('at once');
  const short = new Patience(PATIENCE_MS, 1);
  expect(await short.wait(never)).toBeUndefined();
  const asked: string[] = [];
  expect(await short.wait(() => Promise.resolve(asked.push('again')))).toBeUndefined();
  expect(asked).toEqual([]);
});

test('does not mind what becomes of that for which it was too short', async () => {
  const failing = Promise.withResolvers<string>();
  expect(await new Patience(PATIENCE_MS, 0).waitFor(failing.promise)).toBeUndefined();
  failing.reject(new Error('nobody waits for it'));
  await expect(new Patience(PATIENCE_MS).waitFor(Promise.reject(new Error('somebody does')))).rejects.toThrow(
    'somebody',
  );
});

test('is one for all that a request asks of Redis: its rate limit, its document, its response', async () => {
  const { prepare } = createRunAlone();
  const asked: string[] = [];
  const run: Run = ({ patience }) => {
    asked.push(patience instanceof Patience ? 'run with it' : 'run without');
    const rest = { headers: {}, status: 200, hasErrors: false, isUnavailable: false };
    return Promise.resolve({ ...rest, body: Buffer.from('{}') });
  };
  const responding = (redisTimeoutMs: number, spend: () => Promise<void>) =>
    createRespond({
      prepare(request, origin) {
        if (!asked.includes('load')) throw new UnknownDocument('hash');
        return prepare(request, origin);
      },
      run,
      persisted: { load: () => Promise.resolve(asked.push('load') > 0) },
      rateLimit: { spend },
      redisTimeoutMs,
      metrics: createMetrics(),
    })(asking('{ __typename }'), originOf(ANYBODY));
  const impatient = await responding(0, async () => void (await never()));
  expect(answerOf(impatient).result).toMatchObject({ errors: [{ message: 'PersistedQueryNotFound' }] });
  expect(asked).toEqual([]);
  expect(answerOf(await responding(PATIENCE_MS, () => Promise.resolve())).result).toEqual({});
  expect(asked).toEqual(['load', 'run with it']);
});
