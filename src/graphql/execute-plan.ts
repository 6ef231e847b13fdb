import { locatedError, type ExecutionResult, type GraphQLError } from 'graphql';
import { isGiven } from '../given.ts';
import type { Completion, FieldPlan, OperationPlan, SelectionPlan, VariableValues } from './plan.ts';

/** The inputs of an execution. */
export interface ExecutionInputs {
  readonly rootValue?: unknown;
  readonly contextValue: unknown;
  readonly variables: VariableValues;
  /** Once aborted, nothing more is resolved, and the result has no data. */
  readonly signal: AbortSignal;
}

/**
 * Executes an operation according to the specification (October 2021, 6.4), which gives the methods their names, with the same
 * data and errors as graphql-js, for resolvers that take three arguments. If several errors propagate to the same place, only the
 * first is kept. Returns the result synchronously when no resolver returned a promise; never rejects.
 */
export function executePlan(plan: OperationPlan, inputs: ExecutionInputs): Promise<ExecutionResult> | ExecutionResult {
  return new Execution(inputs).run(plan);
}

type Data = Record<string | number, unknown>;

/** A position in the result: a field of an object, or an item of a list. */
interface ResultPlace {
  /** The place of the enclosing object or list. */
  readonly parent: ResultPlace | undefined;
  readonly key: string | number;
  readonly field: FieldPlan;
  readonly completion: Completion;
  /** The object or list that the value was completed to. */
  container: Data | undefined;
  /** Whether an error has put null there, so that nothing below it matters any more. */
  isNulled: boolean;
}

const placeOf = (field: FieldPlan, parent: ResultPlace | undefined): ResultPlace => ({
  parent,
  key: field.key,
  field,
  completion: field.completion,
  container: undefined,
  isNulled: false,
});

/**
 * Objects are put into the result before they are filled. So no promise is needed for an object with promises in it: counting the
 * pending ones is enough.
 */
class Execution {
  readonly #inputs: ExecutionInputs;
  readonly #errors: GraphQLError[] = [];
  readonly #arguments = new Map<FieldPlan, object>();
  /** The root of the result's data; null once an error has propagated to it. */
  #data: Data | null = null;
  #pending = 0;
  #result: ExecutionResult | undefined;
  /** The root fields of a mutation that have not started. */
  #waiting: FieldPlan[] = [];
  #resolve: ((result: ExecutionResult) => void) | undefined;

  constructor(inputs: ExecutionInputs) {
    this.#inputs = inputs;
  }

  run({ root, isSerial }: OperationPlan): Promise<ExecutionResult> | ExecutionResult {
    this.#data = root.createObject();
    if (isSerial) this.#waiting = [...root.fields];
    else this.#executeFields(root.fields, this.#inputs.rootValue, undefined);
    this.#proceed();
    return this.#result ?? new Promise((resolve) => (this.#resolve = resolve));
  }

  /** Ends the execution when no promise is pending, or starts a mutation's next field. */
  #proceed(): void {
    while (this.#pending === 0 && this.#result === undefined) {
      const next = this.#waiting.shift();
      if (next === undefined || this.#data === null) return this.#end();
      this.#executeField(next, this.#inputs.rootValue, undefined);
    }
  }

  #end(): void {
    const [data, errors] = [this.#data, this.#errors];
    this.#result = errors.length > 0 ? { errors, data } : { data };
    this.#resolve?.(this.#result);
  }

  #executeFields(fields: readonly FieldPlan[], source: unknown, parent: ResultPlace | undefined): void {
    const failed = this.#errors.length;
    for (const field of fields) {
      this.#executeField(field, source, parent);
      if (this.#errors.length > failed && !this.#isLive(parent)) return;
    }
  }

  #executeField(field: FieldPlan, source: unknown, parent: ResultPlace | undefined): void {
    let value: unknown;
    try {
      value =
        field.resolve === undefined
          ? this.#property(source, field)
          : field.resolve(source, this.#argumentsOf(field), this.#inputs.contextValue);
    } catch (error) {
      this.#handleFieldError(error, placeOf(field, parent));
      return;
    }
    // The fast path for most fields by far.
    if (typeof value === 'string' && field.isText) {
      const data = parent === undefined ? this.#data : parent.container;
      if (data) data[field.key] = value;
    } else this.#completeResolved(value, placeOf(field, parent));
  }

  #property(source: unknown, field: FieldPlan): unknown {
    if (typeof source !== 'object' || source === null) return undefined;
    const value = (source as Readonly<Record<string, unknown>>)[field.name];
    if (typeof value !== 'function') return value;
    return value.call(source, this.#argumentsOf(field), this.#inputs.contextValue);
  }

  /** The same object for all parents of a request, and for all requests if it contains no variables. */
  #argumentsOf(field: FieldPlan): object {
    if (field.isConstant) return field.argumentsOf(this.#inputs.variables);
    let known = this.#arguments.get(field);
    if (known === undefined) {
      known = field.argumentsOf(this.#inputs.variables);
      this.#arguments.set(field, known);
    }
    return known;
  }

  /** Completes what a resolver returned, or the item of a list: null, a promise, an error, or a value of its type. */
  #completeResolved(value: unknown, place: ResultPlace): void {
    try {
      // A promise's key is set at once, so that the result has its fields in the document's order.
      if (value === null || value === undefined) this.#completeNull(place);
      else if (isPromiseLike(value)) this.#await(value, place, (result) => this.#completeResolved(result, place));
      else if (value instanceof Error) throw value;
      else this.#completeValue(value, place);
    } catch (error) {
      this.#handleFieldError(error, place);
    }
  }

  #completeValue(value: unknown, place: ResultPlace): void {
    const { completion } = place;
    if (completion.kind === 'leaf') this.#set(place, leaf(completion.coerce(value), place));
    else if (completion.kind === 'object') this.#completeObject(value, completion.selection(), place);
    else if (completion.kind === 'list') this.#completeList(value, completion.item, place);
    else {
      const type = completion.typeOf(value, this.#inputs.contextValue);
      const go = (name: unknown): void => this.#completeObject(value, completion.selection(name), place);
      if (isPromiseLike(type)) this.#await(type, place, go);
      else go(type);
    }
  }

  #completeNull(place: ResultPlace): void {
    if (place.completion.isNonNull) throw new Error(`Cannot return null for non-nullable field ${nameOf(place)}.`);
    this.#set(place, null);
  }

  #completeObject(value: unknown, selection: SelectionPlan, place: ResultPlace): void {
    const filled = selection.fillObject(value);
    place.container = filled ?? selection.createObject();
    this.#set(place, place.container);
    this.#executeFields(filled === undefined ? selection.fields : selection.uncopiedFields, value, place);
  }

  #completeList(value: unknown, completion: Completion, parent: ResultPlace): void {
    const items: unknown[] = [];
    if (!isIterable(value)) throw new Error(`Expected Iterable, but did not find one for field "${nameOf(parent)}".`);
    parent.container = items as object as Data;
    this.#set(parent, items);
    const { field } = parent;
    const failed = this.#errors.length;
    let key = 0;
    for (const item of value) {
      if (this.#errors.length === failed || this.#isLive(parent))
        this.#completeResolved(item, { parent, key, field, completion, container: undefined, isNulled: false });
      else drop(item);
      key += 1;
    }
  }

  #await(value: PromiseLike<unknown>, place: ResultPlace, then: (result: unknown) => void): void {
    this.#set(place, null);
    this.#pending += 1;
    const settle = (take: (settled: unknown) => void, settled: unknown): void => {
      this.#pending -= 1;
      if (this.#result !== undefined) return drop(settled);
      try {
        if (this.#inputs.signal.aborted) this.#data = null;
        if (this.#isLive(place)) take(settled);
        else drop(settled);
      } catch (error) {
        this.#handleFieldError(error, place);
      }
      if (this.#data === null) this.#end();
      else this.#proceed();
    };
    value.then(
      (result) => settle(then, result),
      (error: unknown) => settle(() => this.#handleFieldError(error, place), error),
    );
  }

  #set({ parent, key }: ResultPlace, value: unknown): void {
    const data = parent === undefined ? this.#data : parent.container;
    if (data) data[key] = value;
  }

  /** Whether a place is still part of the result: no error has put null there or above. */
  #isLive(place: ResultPlace | undefined): boolean {
    for (let at = place; at !== undefined; at = at.parent) if (at.isNulled) return false;
    return this.#data !== null;
  }

  /** Puts null in the nearest nullable place and records the error, unless an earlier error has already put null there. */
  #handleFieldError(thrown: unknown, place: ResultPlace): void {
    if (!this.#isLive(place)) return;
    this.#errors.push(locatedError(thrown, place.field.nodes, pathTo(place)));
    let at: ResultPlace | undefined = place;
    while (at?.completion.isNonNull) at = at.parent;
    if (at === undefined) this.#data = null;
    else {
      at.isNulled = true;
      this.#set(at, null);
    }
  }
}

function leaf(coerced: unknown, place: ResultPlace): unknown {
  if (!isGiven(coerced)) throw new Error(`${nameOf(place)}: expected its type to serialise the value, got null`);
  return coerced;
}

function pathTo(place: ResultPlace): (string | number)[] {
  const path: (string | number)[] = [];
  for (let at: ResultPlace | undefined = place; at !== undefined; at = at.parent) path.unshift(at.key);
  return path;
}

const nameOf = ({ field }: ResultPlace): string => `${field.parentType.name}.${field.name}`;

/** Ignores a value that came too late, and its rejections, which would otherwise be unhandled. */
function drop(value: unknown): void {
  if (Array.isArray(value)) value.forEach(drop);
  else if (isPromiseLike(value)) value.then(drop, () => undefined);
}

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value;

const isPromiseLike = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
