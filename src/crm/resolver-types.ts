import type { RowId } from '../batch/table.ts';
import type { Resolvers } from '../generated/graphql.ts';
import type { NodeType } from './global-id.ts';

type AnyFunction = (...args: never[]) => unknown;
type FunctionOf<Resolver> = Extract<Resolver, AnyFunction>;
type Gives<Resolver> = FunctionOf<Resolver> extends (...args: never[]) => infer Result ? Awaited<Result> : never;
type CalledOn<Resolver> =
  FunctionOf<Resolver> extends (parent: infer Parent, ...rest: never[]) => unknown ? Parent : never;

type PropertyOf<Value, Name> = Name extends keyof Value ? Exclude<Value[Name], undefined> : never;

// The fields that need no resolver, because the parent value has a property of that name and type.
type Plain<Fields> = {
  [Name in keyof Fields]-?: [PropertyOf<CalledOn<NonNullable<Fields[Name]>>, Name>] extends [never]
    ? never
    : PropertyOf<CalledOn<NonNullable<Fields[Name]>>, Name> extends Gives<NonNullable<Fields[Name]>>
      ? Name
      : never;
}[keyof Fields];

type Needed<Fields> = Omit<Required<Fields>, Plain<Fields> | '__isTypeOf'>;

/**
 * The resolvers that the schema needs: for each type, one for each field for which its value has no property. If one is missing,
 * the code does not compile. Resolvers that would only return a property are left out, since an operation's plan copies a
 * property much faster than it calls a function.
 */
export type NeededResolvers = {
  [Name in keyof Resolvers as keyof Needed<NonNullable<Resolvers[Name]>> extends never ? never : Name]-?: Needed<
    NonNullable<Resolvers[Name]>
  >;
};

/** A resolver that is called on no more than the id of a row. */
type OnId<Resolver> =
  FunctionOf<Resolver> extends (parent: infer _, ...rest: infer Rest) => infer Result
    ? (parent: { readonly id: RowId }, ...rest: Rest) => Result
    : never;

type OnIds<Fields> = { readonly [Name in keyof Fields]: OnId<NonNullable<Fields[Name]>> };

/** The types that a folder does not own: those whose names do not begin with one of its own types. */
type Foreign<Own extends string> = Exclude<
  keyof Resolvers,
  Own | `${Own}${string}` | `${string}Payload` | 'Query' | 'Mutation' | 'Subscription'
>;

/**
 * The resolvers that the folder of the types `Own` may define. A statement reads only the columns that a document needs, and only
 * a type's own table.ts knows those. So a field that a folder adds to another type may use only the row's `id`, and it can add
 * none to rows without one.
 */
export type ResolversOf<Own extends string> = Omit<Resolvers, Foreign<Own>> & {
  readonly [Other in Foreign<Own> & NodeType]?: OnIds<NonNullable<Resolvers[Other]>>;
};

/** The intersection of a union's members. */
export type Intersection<Union> = (Union extends unknown ? (one: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never;

/** Combines the resolvers of all folders; several may add fields to the same type. */
export function mergeResolvers<const Parts extends readonly Resolvers[]>(...parts: Parts): Intersection<Parts[number]> {
  const merged: Record<string, object> = {};
  for (const [type, fields] of parts.flatMap((part) => Object.entries(part)))
    merged[type] = merged[type] === undefined ? fields : Object.assign({}, merged[type], fields);
  return merged as Intersection<Parts[number]>;
}
