import { createRequire } from 'node:module';

type SetUp = (this: unknown) => Promise<unknown>;

/** Marks what its last `catch` gives as handled. */
class HandledPromise<Value> extends Promise<Value> {
  override catch<Result = never>(
    onRejected?: ((reason: unknown) => Result | PromiseLike<Result>) | null,
  ): Promise<Value | Result> {
    const caught = super.catch(onRejected);
    // `connect()` rejects too, and the pool deals with that: this one says nothing new.
    void caught.then(undefined, () => undefined);
    return caught;
  }
}

let isGuarded = false;

/**
 * Keeps the process alive when a connection is lost while its session is being set up: mariadb 3.4.5, the version that
 * Prisma's adapter pins, then leaves a rejected promise to nobody (`authSucceedHandler` in lib/connection.js). Mended in
 * mariadb 3.5; to be removed with it.
 */
export function guardDriver(): void {
  if (isGuarded) return;
  isGuarded = true;
  const { prototype } = createRequire(import.meta.url)('mariadb/lib/connection.js') as {
    prototype: { executeSessionVariableQuery: SetUp };
  };
  // The first step of the set-up; the others are chained to what it gives.
  const first = prototype.executeSessionVariableQuery;
  prototype.executeSessionVariableQuery = function (): Promise<unknown> {
    return HandledPromise.resolve(first.call(this));
  };
}
