import { getNamedType, isLeafType, isObjectType, type GraphQLSchema } from 'graphql';

interface Weighed {
  readonly astNode?: { readonly directives?: readonly Directive[] | undefined } | null | undefined;
}
interface Directive {
  readonly name: { readonly value: string };
  readonly arguments?: readonly { readonly value: { readonly kind: string; readonly value?: unknown } }[] | undefined;
}

function weightOf({ astNode }: Weighed, fallback: number): number {
  const cost = astNode?.directives?.find(({ name }) => name.value === 'cost');
  return cost === undefined ? fallback : Number(cost.arguments?.[0]?.value.value);
}

/**
 * The cost of an answer by its contents, which the specification of cost directives calls query response analysis: the weights
 * of its objects and of the fields that returned them. Each object must have its `__typename`.
 */
export function answerCosts(
  schema: GraphQLSchema,
  aliases: ReadonlyMap<string, string>,
  data: unknown,
): { typeCost: number; fieldCost: number; objects: number } {
  const total = { typeCost: 0, fieldCost: 0, objects: 0 };
  const add = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(add);
    if (typeof value !== 'object' || value === null) return;
    const object = value as Readonly<Record<string, unknown>>;
    const type = schema.getType(String(object['__typename']));
    if (!isObjectType(type)) throw new Error(`no type: ${JSON.stringify(object).slice(0, 100)}`);
    total.typeCost += weightOf(type, 1);
    total.objects += 1;
    for (const [key, member] of Object.entries(object)) {
      const field = type.getFields()[aliases.get(key) ?? key];
      if (field !== undefined) total.fieldCost += weightOf(field, isLeafType(getNamedType(field.type)) ? 0 : 1);
      add(member);
    }
  };
  add(data);
  return total;
}
