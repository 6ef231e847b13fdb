import { locatedError, type ExecutionResult, type GraphQLError } from 'graphql';
import { isGiven } from '../given.ts';
import { noteWork, type Work as NotedWork } from '../telemetry/stalls.ts';
import type { Work } from '../turns.ts';
import type { AnswerSize } from './answer-size.ts';
import type { Completion, FieldPlan, OperationPlan, SelectionPlan, VariableValues } from './plan.ts';

/** The inputs of an execution. */
export interface ExecutionInputs {
  readonly rootValue?: unknown;
  readonly contextValue: unknown;
  readonly variables: VariableValues;
  /** Once aborted, nothing more is resolved, and the result has no data. */
  readonly signal: AbortSignal;
  /** Counts the result. Once it has a refusal, nothing more is resolved either. */
  readonly size: AnswerSize;
  /** Divides the execution among turns of the event loop. */
  readonly work: Work;
  /** What the execution is for, should it hold up the event loop. */
  readonly noted: NotedWork;
}

/**
 * Executes an operation according to the specification (October 2021, 6.4), which gives the methods their names, with the same
 * data and errors as graphql-js, for resolvers that take three arguments. If several errors propagate to the same place, only the
 * first is kept. A long execution gives other work a turn from time to time. Returns the result synchronously when it needs a
 * single turn and no resolver returned a promise; never rejects.
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

/** A list that is being completed. */
interface OpenList {
  readonly items: readonly unknown[];
  /** The index of the next item to complete. */
  next: number;
  readonly completion: Completion;
  readonly parent: ResultPlace;
}

/** What is left to do at a place. */
interface Rest {
  readonly go: () => void;
  /** Called instead if the place does not matter any more. */
  readonly giveUp: () => void;
}

/** A number or a Boolean in a response. */
const VALUE_BYTES = 5;

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
    const startedAt = performance.now();
    this.#inputs.work.charge();
    this.#data = root.createObject();
    this.#inputs.size.cost.type += root.cost.type;
    this.#inputs.size.cost.field += root.cost.field;
    if (isSerial) this.#waiting = [...root.fields];
    else this.#executeFields(root.fields, this.#inputs.rootValue, undefined);
    this.#proceed();
    noteWork(this.#inputs.noted, startedAt);
    return this.#result ?? new Promise((resolve) => (this.#resolve = resolve));
  }

  /** Ends the execution when nothing is pending or its data is null, or starts a mutation's next field. */
  #proceed(): void {
    if (this.#data === null && this.#result === undefined) return this.#end();
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
      this.#inputs.size.bytes += value.length;
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
    if (completion.kind === 'leaf') this.#completeLeaf(completion.coerce(value), place);
    else if (completion.kind === 'object') this.#completeObject(value, completion.selection(), place);
    else if (completion.kind === 'list') this.#completeList(value, completion.item, place);
    else {
      const type = completion.typeOf(value, this.#inputs.contextValue);
      const go = (name: unknown): void => this.#completeObject(value, completion.selection(name), place);
      if (isPromiseLike(type)) this.#await(type, place, go);
      else go(type);
    }
  }

  #completeLeaf(coerced: unknown, place: ResultPlace): void {
    if (!isGiven(coerced)) throw new Error(`${nameOf(place)}: expected its type to serialise the value, got null`);
    this.#inputs.size.addBytes(typeof coerced === 'string' ? coerced.length : VALUE_BYTES);
    this.#set(place, coerced);
  }

  #completeNull(place: ResultPlace): void {
    if (place.completion.isNonNull) throw new Error(`Cannot return null for non-nullable field ${nameOf(place)}.`);
    this.#set(place, null);
  }

  #completeObject(value: unknown, selection: SelectionPlan, place: ResultPlace): void {
    const { size } = this.#inputs;
    size.bytes += selection.bytes;
    size.cost.type += selection.cost.type;
    size.cost.field += selection.cost.field;
    size.addObject();
    const filled = selection.fillObject(value, size);
    place.container = filled ?? selection.createObject();
    this.#set(place, place.container);
    this.#executeFields(filled === undefined ? selection.fields : selection.uncopiedFields, value, place);
  }

  #completeList(value: unknown, completion: Completion, parent: ResultPlace): void {
    const completed: unknown[] = [];
    if (!isIterable(value)) throw new Error(`Expected Iterable, but did not find one for field "${nameOf(parent)}".`);
    parent.container = completed as object as Data;
    this.#set(parent, completed);
    this.#completeItems({ items: Array.isArray(value) ? value : [...value], next: 0, completion, parent });
  }

  /** Completes a list's items, from the next one on, as far as they can be in this turn. */
  #completeItems(list: OpenList): void {
    const { items, completion, parent } = list;
    const { work } = this.#inputs;
    const failed = this.#errors.length;
    const { field } = parent;
    while (list.next < items.length) {
      const key = list.next++;
      if (this.#errors.length === failed || this.#isLive(parent))
        this.#completeResolved(items[key], { parent, key, field, completion, container: undefined, isNulled: false });
      else drop(items[key]);
      if (work.isTurnOver() && list.next < items.length) return this.#completeLater(list);
    }
  }

  #completeLater(list: OpenList): void {
    this.#pending += 1;
    this.#later(list.parent, {
      go: () => this.#completeItems(list),
      giveUp: () => drop(list.items.slice(list.next)),
    });
  }

  #await(value: PromiseLike<unknown>, place: ResultPlace, then: (result: unknown) => void): void {
    this.#set(place, null);
    this.#pending += 1;
    const settle = (take: (settled: unknown) => void, settled: unknown): void => {
      const rest = { go: () => take(settled), giveUp: () => drop(settled) };
      // Many promises may settle at once.
      if (this.#inputs.work.isTurnOver()) this.#later(place, rest);
      else this.#goOn(place, rest);
    };
    value.then(
      (result) => settle(then, result),
      (error: unknown) => settle(() => this.#handleFieldError(error, place), error),
    );
  }

  #later(place: ResultPlace, { go, giveUp }: Rest): void {
    const { size, work } = this.#inputs;
    const goOn = (): void => {
      size.addTurn();
      go();
    };
    work.later(() => this.#goOn(place, { go: goOn, giveUp }));
  }

  /** Goes on at a place for which something was pending, unless that does not matter any more. */
  #goOn(place: ResultPlace, { go, giveUp }: Rest): void {
    this.#inputs.work.charge();
    const startedAt = performance.now();
    this.#pending -= 1;
    if (this.#result !== undefined) return giveUp();
    try {
      if (this.#inputs.signal.aborted) this.#data = null;
      if (this.#isLive(place)) go();
      else giveUp();
    } catch (error) {
      this.#handleFieldError(error, place);
    }
    this.#proceed();
    noteWork(this.#inputs.noted, startedAt);
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
    const { size } = this.#inputs;
    size.addError();
    this.#errors.push(locatedError(thrown, place.field.nodes, pathTo(place)));
    if (size.refusal !== undefined) this.#data = null;
    let at: ResultPlace | undefined = place;
    while (at?.completion.isNonNull) at = at.parent;
    if (at === undefined) this.#data = null;
    else {
      at.isNulled = true;
      this.#set(at, null);
    }
  }
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
