import { locatedError, type ExecutionResult, type GraphQLError } from 'graphql';
import { isGiven } from '../given.ts';
import type { Completion, FieldPlan, OperationPlan, SelectionPlan, VariableValues } from './plan.ts';

/** The inputs of an execution. */
export interface PlanArguments {
  readonly rootValue?: unknown;
  readonly contextValue: unknown;
  readonly variables: VariableValues;
  /** Once aborted, nothing more is resolved, and the result has no data. */
  readonly signal: AbortSignal;
}

/**
 * Executes an operation according to the specification (October 2021, 6.4), with the same data and errors as graphql's own
 * `execute`, for resolvers that take three arguments. If several errors propagate to the same place, only the first is kept.
 * Returns the result synchronously when no resolver returned a promise; never rejects.
 */
export function executePlan(plan: OperationPlan, given: PlanArguments): Promise<ExecutionResult> | ExecutionResult {
  return new Execution(given).run(plan);
}

type Data = Record<string | number, unknown>;

/** A position in the result: a field of an object, or an item of a list. */
interface Place {
  /** The place of the enclosing object or list. */
  readonly above: Place | undefined;
  readonly key: string | number;
  readonly field: FieldPlan;
  readonly completion: Completion;
  /** The object or list that the value was completed to. */
  made: Data | undefined;
  /** Whether an error has put null there, so that nothing below it matters any more. */
  isNulled: boolean;
}

const placeOf = (field: FieldPlan, above: Place | undefined): Place => ({
  above,
  key: field.key,
  field,
  completion: field.completion,
  made: undefined,
  isNulled: false,
});

/**
 * Objects are put into the result before they are filled. So no promise is needed for an object with promises in it: counting the
 * pending ones is enough.
 */
class Execution {
  readonly #given: PlanArguments;
  readonly #errors: GraphQLError[] = [];
  readonly #arguments = new Map<FieldPlan, object>();
  /** The root of the result's data; null once an error has propagated to it. */
  #data: Data | null = null;
  #pending = 0;
  #result: ExecutionResult | undefined;
  /** The root fields of a mutation that have not started. */
  #waiting: FieldPlan[] = [];
  #resolve: ((result: ExecutionResult) => void) | undefined;

  constructor(given: PlanArguments) {
    this.#given = given;
  }

  run({ root, isSerial }: OperationPlan): Promise<ExecutionResult> | ExecutionResult {
    this.#data = root.createObject();
    if (isSerial) this.#waiting = [...root.fields];
    else this.#fields(root.fields, this.#given.rootValue, undefined);
    this.#proceed();
    return this.#result ?? new Promise((resolve) => (this.#resolve = resolve));
  }

  /** Ends the execution when no promise is pending, or starts a mutation's next field. */
  #proceed(): void {
    while (this.#pending === 0 && this.#result === undefined) {
      const next = this.#waiting.shift();
      if (next === undefined || this.#data === null) return this.#end();
      this.#field(next, this.#given.rootValue, undefined);
    }
  }

  #end(): void {
    const [data, errors] = [this.#data, this.#errors];
    this.#result = errors.length > 0 ? { errors, data } : { data };
    this.#resolve?.(this.#result);
  }

  #fields(fields: readonly FieldPlan[], source: unknown, above: Place | undefined): void {
    const failed = this.#errors.length;
    for (const field of fields) {
      this.#field(field, source, above);
      if (this.#errors.length > failed && !this.#isLive(above)) return;
    }
  }

  #field(field: FieldPlan, source: unknown, above: Place | undefined): void {
    let value: unknown;
    try {
      value =
        field.resolve === undefined
          ? this.#property(source, field)
          : field.resolve(source, this.#argumentsOf(field), this.#given.contextValue);
    } catch (error) {
      this.#fail(error, placeOf(field, above));
      return;
    }
    // The fast path for most fields by far.
    if (typeof value === 'string' && field.isText) {
      const data = above === undefined ? this.#data : above.made;
      if (data) data[field.key] = value;
    } else this.#put(value, placeOf(field, above));
  }

  #property(source: unknown, field: FieldPlan): unknown {
    if (typeof source !== 'object' || source === null) return undefined;
    const value = (source as Readonly<Record<string, unknown>>)[field.name];
    if (typeof value !== 'function') return value;
    return value.call(source, this.#argumentsOf(field), this.#given.contextValue);
  }

  /** The same object for all parents of a request, and for all requests if it contains no variables. */
  #argumentsOf(field: FieldPlan): object {
    if (field.isConstant) return field.argumentsOf(this.#given.variables);
    let known = this.#arguments.get(field);
    if (known === undefined) {
      known = field.argumentsOf(this.#given.variables);
      this.#arguments.set(field, known);
    }
    return known;
  }

  /** Completes a value by its type and puts it in its place. */
  #put(value: unknown, place: Place): void {
    try {
      // A promise's key is set at once, so that the result has its fields in the document's order.
      if (value === null || value === undefined) this.#null(place);
      else if (isPromiseLike(value)) this.#await(value, place, (result) => this.#put(result, place));
      else if (value instanceof Error) throw value;
      else this.#complete(value, place);
    } catch (error) {
      this.#fail(error, place);
    }
  }

  #complete(value: unknown, place: Place): void {
    const { completion } = place;
    if (completion.kind === 'leaf') this.#set(place, leaf(completion.coerce(value), place));
    else if (completion.kind === 'object') this.#object(value, completion.selection(), place);
    else if (completion.kind === 'list') this.#list(value, completion.item, place);
    else {
      const type = completion.typeOf(value, this.#given.contextValue);
      const go = (name: unknown): void => this.#object(value, completion.selection(name), place);
      if (isPromiseLike(type)) this.#await(type, place, go);
      else go(type);
    }
  }

  #null(place: Place): void {
    if (place.completion.isNonNull) throw new Error(`Cannot return null for non-nullable field ${nameOf(place)}.`);
    this.#set(place, null);
  }

  #object(value: unknown, selection: SelectionPlan, place: Place): void {
    const filled = selection.fillObject(value);
    place.made = filled ?? selection.createObject();
    this.#set(place, place.made);
    this.#fields(filled === undefined ? selection.fields : selection.others, value, place);
  }

  #list(value: unknown, completion: Completion, above: Place): void {
    const items: unknown[] = [];
    if (!isIterable(value)) throw new Error(`Expected Iterable, but did not find one for field "${nameOf(above)}".`);
    above.made = items as object as Data;
    this.#set(above, items);
    const { field } = above;
    const failed = this.#errors.length;
    let key = 0;
    for (const item of value) {
      if (this.#errors.length === failed || this.#isLive(above))
        this.#put(item, { above, key, field, completion, made: undefined, isNulled: false });
      else drop(item);
      key += 1;
    }
  }

  #await(value: PromiseLike<unknown>, place: Place, then: (result: unknown) => void): void {
    this.#set(place, null);
    this.#pending += 1;
    const settle = (take: (settled: unknown) => void, settled: unknown): void => {
      this.#pending -= 1;
      if (this.#result !== undefined) return drop(settled);
      try {
        if (this.#given.signal.aborted) this.#data = null;
        if (this.#isLive(place)) take(settled);
        else drop(settled);
      } catch (error) {
        this.#fail(error, place);
      }
      if (this.#data === null) this.#end();
      else this.#proceed();
    };
    value.then(
      (result) => settle(then, result),
      (error: unknown) => settle(() => this.#fail(error, place), error),
    );
  }

  #set({ above, key }: Place, value: unknown): void {
    const data = above === undefined ? this.#data : above.made;
    if (data) data[key] = value;
  }

  /** Whether a place is still part of the result: no error has put null there or above. */
  #isLive(place: Place | undefined): boolean {
    for (let at = place; at !== undefined; at = at.above) if (at.isNulled) return false;
    return this.#data !== null;
  }

  /** Puts null in the nearest nullable place and records the error, unless an earlier error has already put null there. */
  #fail(thrown: unknown, place: Place): void {
    if (!this.#isLive(place)) return;
    this.#errors.push(locatedError(thrown, place.field.nodes, pathTo(place)));
    let at: Place | undefined = place;
    while (at?.completion.isNonNull) at = at.above;
    if (at === undefined) this.#data = null;
    else {
      at.isNulled = true;
      this.#set(at, null);
    }
  }
}

function leaf(coerced: unknown, place: Place): unknown {
  if (!isGiven(coerced)) throw new Error(`${nameOf(place)}: its type makes null of a value`);
  return coerced;
}

function pathTo(place: Place): (string | number)[] {
  const path: (string | number)[] = [];
  for (let at: Place | undefined = place; at !== undefined; at = at.above) path.unshift(at.key);
  return path;
}

const nameOf = ({ field }: Place): string => `${field.parentType.name}.${field.name}`;

/** Ignores a value that came too late, and its rejections, which would otherwise be unhandled. */
function drop(value: unknown): void {
  if (Array.isArray(value)) value.forEach(drop);
  else if (isPromiseLike(value)) value.then(drop, () => undefined);
}

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value;

const isPromiseLike = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
